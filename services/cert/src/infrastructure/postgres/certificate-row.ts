import type { Sql, TransactionSql } from '@cert-tasks/db';
import type { Certificate, CertificateState } from '../../domain/certificate.ts';
import { REVOCATION_REASONS, reasonFromCode } from '../../domain/revocation-reason.ts';

/** A row of `certificates`, in the columns that {@link certificateColumns} lists. */
export interface CertificateRow {
  readonly id: string;
  readonly project: string;
  readonly state: CertificateState;
  readonly authority_uid: string;
  readonly authority_id: string;
  readonly profile: string;
  readonly profile_revision: number;
  readonly serial: Uint8Array;
  readonly subject: string;
  readonly dns_names: readonly string[];
  readonly ip_addresses: readonly string[];
  readonly uris: readonly string[];
  readonly email_addresses: readonly string[];
  readonly not_before: Date;
  readonly not_after: Date;
  readonly tbs: Uint8Array;
  readonly spki: Uint8Array;
  readonly der: Uint8Array | null;
  readonly crl_shard: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly renew_from: Date;
  readonly renew_by: Date;
  readonly renewed_from: string | null;
  readonly replaced_by: string | null;
  readonly revoked_at: Date | null;
  readonly revocation_reason: number | null;
  readonly created_at: Date;
  readonly version: bigint;
}

/** The columns that a {@link Certificate} is made of. */
export function certificateColumns(sql: Sql | TransactionSql) {
  return sql`
    id, project, state, authority_uid, authority_id, profile, profile_revision, serial, subject, dns_names, ip_addresses,
    uris, email_addresses, not_before, not_after, tbs, spki, der, crl_shard, labels, renew_from, renew_by, renewed_from,
    replaced_by, revoked_at, revocation_reason, created_at, version`;
}

/** The certificate that a row holds. */
export function certificateFromRow(row: CertificateRow): Certificate {
  return {
    id: row.id,
    project: row.project,
    state: row.state,
    authorityUid: row.authority_uid,
    authorityId: row.authority_id,
    profile: row.profile,
    profileRevision: row.profile_revision,
    serial: row.serial,
    subject: row.subject,
    names: {
      dnsNames: row.dns_names,
      ipAddresses: row.ip_addresses,
      uris: row.uris,
      emailAddresses: row.email_addresses,
    },
    notBefore: row.not_before,
    notAfter: row.not_after,
    tbs: row.tbs,
    spki: row.spki,
    der: row.der ?? undefined,
    crlShard: row.crl_shard,
    labels: row.labels,
    renewal: { start: row.renew_from, end: row.renew_by },
    renewedFrom: row.renewed_from ?? undefined,
    replacedBy: row.replaced_by ?? undefined,
    revocation: revocationFromRow(row),
    createdAt: row.created_at,
    version: row.version,
  };
}

function revocationFromRow({ id, revoked_at, revocation_reason }: CertificateRow): Certificate['revocation'] {
  if (revoked_at === null || revocation_reason === null) return undefined;
  const reason = reasonFromCode(revocation_reason);
  if (reason === undefined)
    throw new Error(`Certificate ${id} has the unknown revocation reason ${revocation_reason}.`);
  return { at: revoked_at, reason };
}

/** The stored code of a reason. 0 is a real value. */
export function reasonCode(reason: keyof typeof REVOCATION_REASONS): number {
  return REVOCATION_REASONS[reason];
}
