import { equalOctets, parseCertificateList, toHex, X509Error } from '@cert-tasks/x509';
import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';
import { certificateName } from './check-certificates.ts';

interface ShardRow {
  readonly authorityUid: string;
  readonly shard: number;
  readonly clean: boolean;
  readonly nextNumber: bigint;
  readonly number: bigint | null;
  readonly der: Uint8Array | null;
  /** What signer signed for it. */
  readonly tbs: Uint8Array | null;
  readonly signature: Uint8Array | null;
}

/** Revocation is told: a revoked certificate has its entry, each shard's CRL lists exactly what it must, and numbers only grow. */
export async function* checkCrls({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  const unlisted = await sql<{ id: string; project: string }[]>`
    select c.id, c.project from cert.certificates c left join cert.revocations r on r.certificate_id = c.id
    where (c.state = 'revoked') <> (r.certificate_id is not null)`;
  for (const { id, project } of unlisted) {
    yield {
      invariant: 'revocation-not-recorded',
      subject: certificateName(project, id),
      detail: 'state and revocation entry disagree',
    };
  }

  const shards = await sql<ShardRow[]>`
    select s.authority_uid as "authorityUid", s.shard, s.revision = s.published_revision as clean, s.next_number as "nextNumber",
      c.number, c.der, l.tbs, l.signature
    from cert.crl_shards s
    left join cert.crls c on c.id = s.current_crl_id
    left join signer.ledger l on l.intent_id = c.id
    order by s.authority_uid, s.shard`;
  for (const shard of shards) yield* checkShard(sql, shard);

  const missing = await sql<{ uid: string }[]>`
    select a.uid from cert.authorities a
    where a.state = 'active' and a.crl_shard_count <> (select count(*) from cert.crl_shards s where s.authority_uid = a.uid)`;
  for (const { uid } of missing)
    yield { invariant: 'shard-missing', subject: `authority ${uid}`, detail: 'it has other shards than it should' };

  const late = await sql<{ authorityUid: string; shard: number }[]>`
    select s.authority_uid as "authorityUid", s.shard from cert.crl_shards s
    where s.revision > s.published_revision and exists (
      select from cert.revocations r where r.authority_uid = s.authority_uid and r.shard = s.shard
        and r.revoked_at <= clock_timestamp() - greatest(${settleSeconds}::int, 60) * interval '1 second'
        and r.revoked_at > coalesce((select c.this_update + interval '5 minutes' from cert.crls c where c.id = s.current_crl_id), '-infinity'))`;
  for (const { authorityUid, shard } of late) {
    yield {
      invariant: 'crl-late',
      subject: `authority ${authorityUid} shard ${shard}`,
      detail: 'a revocation waits for its CRL for more than a minute',
    };
  }
}

async function* checkShard(sql: Snapshot, shard: ShardRow): AsyncIterable<Breach> {
  const subject = `authority ${shard.authorityUid} shard ${shard.shard}`;
  if (shard.der === null || shard.number === null) return;
  if (shard.number >= shard.nextNumber)
    yield { invariant: 'crl-number', subject, detail: 'the served CRL’s number will be used again' };
  let listed: Set<string>;
  try {
    const list = parseCertificateList(shard.der);
    listed = new Set([...list.entries()].map((entry) => serialKey(entry.serialNumberBytes)));
    const isSigned =
      shard.tbs !== null &&
      shard.signature !== null &&
      equalOctets(list.tbs, shard.tbs) &&
      equalOctets(list.signature, shard.signature);
    if (!isSigned) yield { invariant: 'crl-invalid', subject, detail: 'the ledger has no such signature' };
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    yield { invariant: 'crl-invalid', subject, detail: error.message };
    return;
  }
  if (!shard.clean) return;
  const due = await sql<{ serial: Uint8Array }[]>`
    select serial from cert.revocations
    where authority_uid = ${shard.authorityUid} and shard = ${shard.shard} and not_after > clock_timestamp()`;
  const missing = due.filter(({ serial }) => !listed.has(serialKey(serial)));
  if (missing.length > 0)
    yield { invariant: 'crl-incomplete', subject, detail: `${missing.length} revoked certificates are not in its CRL` };
}

/** Serials are stored as 20 octets; an INTEGER's content may have a zero in front, or fewer. */
function serialKey(serial: Uint8Array): string {
  return toHex(serial).replace(/^(00)+/, '');
}
