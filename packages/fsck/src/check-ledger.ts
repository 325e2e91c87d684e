import { createHash } from 'node:crypto';
import {
  type PublicKeyInfo,
  parsePublicKey,
  parseTbsCertificate,
  parseTbsCertList,
  signingAlgorithmFor,
  verifySignature,
  X509Error,
} from '@cert-tasks/x509';
import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';

const BATCH = 500;

interface LedgerRow {
  readonly position: bigint;
  readonly intentId: string;
  readonly keyId: string;
  readonly keyVersion: number;
  readonly kind: 'certificate' | 'crl';
  readonly tbs: Uint8Array;
  readonly tbsSha256: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array | null;
}

/**
 * Every signature is accounted for (DESIGN 3.1, 3.2): each signed row verifies with its key over its bytes, and belongs to one intent of cert with the same
 * bytes that ended as issued; no voided row belongs to one that did.
 */
export async function* checkLedger({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  yield* checkSignatures(sql);
  const strays = await sql<{ intentId: string; kind: string; state: string | null; sameBytes: boolean | null }[]>`
    select l.intent_id as "intentId", l.kind, i.state, i.tbs = l.tbs as "sameBytes"
    from signer.ledger l
    left join (
      select id, state, tbs, created_at from cert.certificates
      union all select id, state, tbs, created_at from cert.crls
    ) i on i.id = l.intent_id
    where l.state = 'signed'
      and (i.id is null or i.tbs <> l.tbs or i.state = 'failed'
        or (i.state = 'pending' and l.created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'))`;
  for (const { intentId, kind, state, sameBytes } of strays) {
    const detail =
      state === null ? 'no intent' : sameBytes === false ? 'the intent has other bytes' : `the intent is ${state}`;
    yield { invariant: 'signature-unaccounted', subject: `${kind} intent ${intentId}`, detail };
  }
  const voided = await sql<{ intentId: string; state: string }[]>`
    select l.intent_id as "intentId", c.state from signer.ledger l join cert.certificates c on c.id = l.intent_id
    where l.state = 'voided' and c.state in ('issued', 'revoked')
    union all
    select l.intent_id, c.state from signer.ledger l join cert.crls c on c.id = l.intent_id
    where l.state = 'voided' and c.state = 'published'`;
  for (const { intentId, state } of voided) {
    yield {
      invariant: 'voided-but-used',
      subject: `intent ${intentId}`,
      detail: `voided in the ledger, ${state} in cert`,
    };
  }
}

async function* checkSignatures(sql: Snapshot): AsyncIterable<Breach> {
  const keys = new Map<string, PublicKeyInfo>();
  for (let after = 0n; ; ) {
    const rows = await sql<LedgerRow[]>`
      select l.position, l.intent_id as "intentId", l.key_id as "keyId", l.key_version as "keyVersion", l.kind, l.tbs,
        l.tbs_sha256 as "tbsSha256", l.signature, v.public_key as "publicKey"
      from signer.ledger l left join signer.key_versions v on v.key_id = l.key_id and v.version = l.key_version
      where l.state = 'signed' and l.position > ${after}
      order by l.position limit ${BATCH}`;
    for (const row of rows) {
      const fault = signatureFault(row, keys);
      if (fault !== undefined)
        yield { invariant: 'ledger-row-invalid', subject: `${row.kind} intent ${row.intentId}`, detail: fault };
      after = row.position;
    }
    if (rows.length < BATCH) return;
  }
}

function signatureFault(row: LedgerRow, keys: Map<string, PublicKeyInfo>): string | undefined {
  if (row.publicKey === null) return 'its key version is missing';
  if (!createHash('sha256').update(row.tbs).digest().equals(row.tbsSha256)) return 'its hash is not that of its bytes';
  try {
    // What was signed can be read as what it is said to be.
    if (row.kind === 'certificate') parseTbsCertificate(row.tbs);
    else parseTbsCertList(row.tbs);
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return `its bytes are no ${row.kind}: ${error.message}`;
  }
  const id = `${row.keyId}/${row.keyVersion}`;
  try {
    const publicKey = keys.get(id) ?? parsePublicKey(row.publicKey);
    keys.set(id, publicKey);
    const algorithm = signingAlgorithmFor(publicKey);
    const valid = verifySignature({ publicKey, algorithm, data: row.tbs, signature: row.signature });
    return valid ? undefined : 'its signature does not verify';
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return `its key cannot be used: ${error.message}`;
  }
}
