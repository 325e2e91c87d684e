import { PG_OID, type Pool } from '@cert-tasks/db';
import type { CertificateQuery } from '../../application/ports/certificate-store.ts';
import { type CertificateRow, certificateColumns } from './certificate-row.ts';

/**
 * A page of a project's certificates. All conditions hold; the order is total, so that pages neither overlap nor leave
 * out.
 */
export function selectCertificates({ sql }: Pool, query: CertificateQuery): Promise<CertificateRow[]> {
  const { order, after } = query;
  const column = order.by === 'created' ? sql`created_at` : sql`not_after`;
  const direction = order.descending ? sql`desc` : sql`asc`;
  const beyond = order.descending ? sql`<` : sql`>`;
  const labels = Object.fromEntries((query.labels ?? []).map(({ key, value }) => [key, value]));
  const expires = (query.expires ?? []).map(
    ({ operator, at }) => sql`and not_after ${comparison(operator, sql)} ${at}`,
  );
  return sql<CertificateRow[]>`
    select ${certificateColumns(sql)}
    from cert.certificates
    where project = ${query.project}
      ${query.state === undefined ? sql`` : sql`and state = ${query.state}`}
      ${query.authorityId === undefined ? sql`` : sql`and authority_id = ${query.authorityId}`}
      ${query.profile === undefined ? sql`` : sql`and profile = ${query.profile}`}
      ${query.serial === undefined ? sql`` : sql`and serial = ${query.serial}`}
      ${query.dnsName === undefined ? sql`` : sql`and dns_names @> ${sql.array([query.dnsName], PG_OID.text)}::text[]`}
      ${query.publicKeySha256 === undefined ? sql`` : sql`and spki_sha256 = ${query.publicKeySha256}`}
      ${query.fingerprintSha256 === undefined ? sql`` : sql`and fingerprint_sha256 = ${query.fingerprintSha256}`}
      ${query.labels === undefined ? sql`` : sql`and labels @> ${JSON.stringify(labels)}::jsonb`}
      ${expires.length === 0 ? sql`` : expires}
      ${after === undefined ? sql`` : sql`and (${column}, id) ${beyond} (${after.at}, ${after.id}::uuid)`}
    order by ${column} ${direction}, id ${direction}
    limit ${query.limit}`;
}

function comparison(operator: '<' | '<=' | '>' | '>=' | '=', sql: Pool['sql']) {
  switch (operator) {
    case '<':
      return sql`<`;
    case '<=':
      return sql`<=`;
    case '>':
      return sql`>`;
    case '>=':
      return sql`>=`;
    case '=':
      return sql`=`;
  }
}
