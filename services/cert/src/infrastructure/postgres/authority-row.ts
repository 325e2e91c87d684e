import type { Sql, TransactionSql } from '@cert-tasks/db';
import type { Authority, KeyAlgorithm } from '../../domain/authority.ts';
import type { DistinguishedName } from '../../domain/distinguished-name.ts';

/** A row of `authorities`, in the columns that {@link authorityColumns} lists. */
export interface AuthorityRow {
  readonly uid: string;
  readonly project: string;
  readonly id: string;
  readonly type: Authority['type'];
  readonly state: Authority['state'];
  readonly subject: DistinguishedName;
  readonly subject_der: Uint8Array;
  readonly issuer_uid: string;
  readonly issuer_id: string;
  readonly key_name: string;
  readonly key_algorithm: KeyAlgorithm;
  readonly spki: Uint8Array | null;
  readonly certificate_id: string | null;
  readonly certificate: Uint8Array | null;
  readonly chain: readonly Uint8Array[];
  readonly lifetime_ms: bigint;
  readonly not_before: Date | null;
  readonly not_after: Date | null;
  readonly crl_shard_count: number;
  readonly pki_base_url: string;
  readonly created_at: Date;
  readonly version: bigint;
}

/** The columns that an {@link Authority} is made of. */
export function authorityColumns(sql: Sql | TransactionSql) {
  return sql`
    uid, project, id, type, state, subject, subject_der, issuer_uid, issuer_id, key_name, key_algorithm, spki, certificate_id,
    certificate, chain, lifetime_ms, not_before, not_after, crl_shard_count, pki_base_url, created_at, version`;
}

/** The authority that a row holds. */
export function authorityFromRow(row: AuthorityRow): Authority {
  return {
    uid: row.uid,
    project: row.project,
    id: row.id,
    type: row.type,
    state: row.state,
    subject: row.subject,
    subjectDer: row.subject_der,
    issuerUid: row.issuer_uid,
    issuerId: row.issuer_id,
    keyName: row.key_name,
    keyAlgorithm: row.key_algorithm,
    spki: row.spki ?? undefined,
    certificateId: row.certificate_id ?? undefined,
    certificate: row.certificate ?? undefined,
    chain: row.chain,
    lifetimeMs: Number(row.lifetime_ms),
    notBefore: row.not_before ?? undefined,
    notAfter: row.not_after ?? undefined,
    crlShardCount: row.crl_shard_count,
    pkiBaseUrl: row.pki_base_url,
    createdAt: row.created_at,
    version: row.version,
  };
}
