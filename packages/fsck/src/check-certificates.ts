import { createHash } from 'node:crypto';
import { equalOctets, parseCertificate, X509Error } from '@cert-tasks/x509';
import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';

const BATCH = 500;

interface CertificateRow {
  readonly id: string;
  readonly project: string;
  readonly tbs: Uint8Array;
  readonly der: Uint8Array | null;
  readonly serial: Uint8Array;
  readonly fingerprint: Uint8Array | null;
  readonly ledgerState: string | null;
  readonly signature: Uint8Array | null;
}

/** No signature without a record (DESIGN 3.1), from cert's side; serials single; successors single; no intent left open. */
export async function* checkCertificates({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  yield* checkReleased(sql);

  const open = await sql<{ id: string; project: string; kind: string }[]>`
    select id, project, 'certificate' as kind from cert.certificates
    where state = 'pending' and created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'
    union all
    select c.id, a.project, 'crl' from cert.crls c join cert.authorities a on a.uid = c.authority_uid
    where c.state = 'pending' and c.created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'
    union all
    select uid, project, 'authority' from cert.authorities
    where state = 'creating' and created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'`;
  for (const { id, project, kind } of open) {
    yield { invariant: 'intent-open', subject: `${kind} ${id} of ${project}`, detail: 'neither ended nor given up' };
  }

  const serials = await sql<{ id: string; project: string }[]>`
    select c.id, c.project from cert.certificates c
    join signer.ledger l on l.intent_id = c.id and l.state = 'signed'
    where ltrim(encode(l.serial, 'hex'), '0') <> ltrim(encode(c.serial, 'hex'), '0')`;
  for (const { id, project } of serials) {
    yield {
      invariant: 'serial-differs',
      subject: certificateName(project, id),
      detail: 'the ledger has another serial for it',
    };
  }

  const successors = await sql<{ id: string; project: string; count: bigint }[]>`
    select o.id, o.project, count(n.id) as count from cert.certificates o
    join cert.certificates n on n.renewed_from = o.id and n.state <> 'failed'
    group by o.id, o.project
    having count(n.id) > 1 or bool_or(o.replaced_by is distinct from n.id)`;
  for (const { id, project, count } of successors) {
    yield {
      invariant: 'successor-not-single',
      subject: certificateName(project, id),
      detail: `${count} successors, or another than it names`,
    };
  }

  const requests = await sql<{ resource: string }[]>`
    select r.resource from cert.requests r
    where not exists (select from cert.certificates c where r.resource like '%' || c.id::text)
      and not exists (select from cert.authorities a where r.resource like '%' || a.uid::text)`;
  for (const { resource } of requests) {
    yield {
      invariant: 'request-without-resource',
      subject: resource,
      detail: 'a remembered request names what is not there',
    };
  }
}

async function* checkReleased(sql: Snapshot): AsyncIterable<Breach> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const rows = await sql<CertificateRow[]>`
      select c.id, c.project, c.tbs, c.der, c.serial, c.fingerprint_sha256 as fingerprint, l.state as "ledgerState", l.signature
      from cert.certificates c left join signer.ledger l on l.intent_id = c.id
      where c.state in ('issued', 'revoked') and c.id > ${after}
      order by c.id limit ${BATCH}`;
    for (const row of rows) {
      const fault = releasedFault(row);
      if (fault !== undefined)
        yield { invariant: 'certificate-invalid', subject: certificateName(row.project, row.id), detail: fault };
      after = row.id;
    }
    if (rows.length < BATCH) return;
  }
}

function releasedFault(row: CertificateRow): string | undefined {
  if (row.der === null) return 'it is issued without its DER';
  if (row.ledgerState !== 'signed' || row.signature === null) return 'the ledger has no signature for it';
  if (row.fingerprint === null || !createHash('sha256').update(row.der).digest().equals(row.fingerprint))
    return 'its fingerprint is not that of its DER';
  try {
    const certificate = parseCertificate(row.der);
    if (!equalOctets(certificate.tbs, row.tbs)) return 'its DER holds other bytes than its intent';
    if (!equalOctets(certificate.signature, row.signature)) return 'its signature is not the ledger’s';
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return `its DER cannot be read: ${error.message}`;
  }
  return undefined;
}

/** The resource name of a certificate. */
export function certificateName(project: string, id: string): string {
  return `projects/${project}/certificates/${id}`;
}
