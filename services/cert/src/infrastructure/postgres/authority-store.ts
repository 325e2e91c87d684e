import { type Database, PG_OID, type Tx } from '@cert-tasks/db';
import { claimRequest, releaseRequest } from '@cert-tasks/idempotency';
import type { AuthorityOutcome, AuthorityStore } from '../../application/ports/authority-store.ts';
import type { RequestClaim } from '../../application/ports/certificate-store.ts';
import { type ActiveAuthority, type Authority, isActive, type KeyedAuthority } from '../../domain/authority.ts';
import type { Certificate } from '../../domain/certificate.ts';
import { type AuthorityRow, authorityColumns, authorityFromRow } from './authority-row.ts';
import type { EventOutbox } from './event-outbox.ts';
import { insertIntent } from './record-intents.ts';
import { requests } from './schema.ts';

/** Authorities in PostgreSQL. */
export class PostgresAuthorityStore implements AuthorityStore {
  readonly #db: Database;
  readonly #events: EventOutbox;

  constructor(deps: { readonly db: Database; readonly events: EventOutbox }) {
    this.#db = deps.db;
    this.#events = deps.events;
  }

  record(authority: Authority, { claim }: { claim: RequestClaim | undefined }): Promise<AuthorityOutcome> {
    return this.#db.transaction('authority.record', async (tx) => {
      const claimed = await claimRequest(tx, {
        table: requests,
        key: claim?.key,
        hash: claim?.hash ?? new Uint8Array(),
        resource: authority.uid,
      });
      if (claimed.outcome === 'replay') return { outcome: 'replay', uid: claimed.resource };
      if (await insertAuthority(tx, authority)) return { outcome: 'recorded' };
      await releaseRequest(tx, { table: requests, key: claim?.key, resource: authority.uid });
      return { outcome: 'exists' };
    });
  }

  async setKey({ uid, spki }: { uid: string; spki: Uint8Array }): Promise<boolean> {
    const { count } = await this.#db.query(
      'authority.set-key',
      ({ sql }) => sql`
        update cert.authorities set spki = ${spki}, version = version + 1
        where uid = ${uid} and state = 'creating' and spki is null`,
    );
    return count === 1;
  }

  recordCertificateIntent(input: { authority: KeyedAuthority; intent: Certificate }): Promise<boolean> {
    const { authority, intent } = input;
    return this.#db.transaction('authority.record-intent', async (tx) => {
      const { count } = await tx.sql`
        update cert.authorities set certificate_id = ${intent.id}, version = version + 1
        where uid = ${authority.uid} and state = 'creating' and certificate_id is null`;
      if (count === 0) return false;
      await insertIntent(tx, intent);
      return true;
    });
  }

  async activate(input: Parameters<AuthorityStore['activate']>[0]): Promise<boolean> {
    const activated = await this.#db.transaction('authority.activate', (tx) => this.#activate(tx, input));
    if (activated) this.#events.committed();
    return activated;
  }

  dropCertificateIntent(input: { authority: Authority; certificate: Certificate }): Promise<void> {
    const { authority, certificate } = input;
    return this.#db.transaction('authority.drop-intent', async ({ sql }) => {
      const { count } = await sql`
        update cert.authorities set certificate_id = null, version = version + 1
        where uid = ${authority.uid} and state = 'creating' and certificate_id = ${certificate.id}`;
      if (count === 0) return;
      await sql`
        update cert.certificates set state = 'failed', version = version + 1
        where id = ${certificate.id} and state = 'pending'`;
    });
  }

  async find({ project, id }: { project: string; id: string }): Promise<Authority | undefined> {
    const [row] = await this.#db.query(
      'authority.find',
      ({ sql }) => sql<AuthorityRow[]>`
        select ${authorityColumns(sql)} from cert.authorities where project = ${project} and id = ${id}`,
    );
    return row && authorityFromRow(row);
  }

  async findByUid(uid: string): Promise<Authority | undefined> {
    const [row] = await this.#db.query(
      'authority.find-by-uid',
      ({ sql }) => sql<AuthorityRow[]>`select ${authorityColumns(sql)} from cert.authorities where uid = ${uid}`,
    );
    return row && authorityFromRow(row);
  }

  async findDefault({ project, now }: { project: string; now: Date }): Promise<ActiveAuthority | undefined> {
    const [row] = await this.#db.query(
      'authority.find-default',
      ({ sql }) => sql<AuthorityRow[]>`
        select ${authorityColumns(sql)} from cert.authorities
        where project = ${project} and type = 'subordinate' and state = 'active' and not_after > ${now}
        order by created_at, uid
        limit 1`,
    );
    const authority = row && authorityFromRow(row);
    return authority !== undefined && isActive(authority) ? authority : undefined;
  }

  async list(query: Parameters<AuthorityStore['list']>[0]): Promise<readonly Authority[]> {
    const { project, after, limit } = query;
    const rows = await this.#db.query(
      'authority.list',
      ({ sql }) => sql<AuthorityRow[]>`
        select ${authorityColumns(sql)} from cert.authorities
        where project = ${project}
          ${after === undefined ? sql`` : sql`and (created_at, uid) > (${after.createdAt}, ${after.uid}::uuid)`}
        order by created_at, uid
        limit ${limit}`,
    );
    return rows.map(authorityFromRow);
  }

  async listUnfinished(input: Parameters<AuthorityStore['listUnfinished']>[0]): Promise<readonly Authority[]> {
    const { olderThanMs, after, limit } = input;
    const rows = await this.#db.query(
      'authority.list-unfinished',
      ({ sql }) => sql<AuthorityRow[]>`
        select ${authorityColumns(sql)} from cert.authorities
        where state = 'creating' and recorded_at <= now() - ${olderThanMs}::float8 * interval '1 millisecond'
          ${after === undefined ? sql`` : sql`and uid > ${after}::uuid`}
        order by uid
        limit ${limit}`,
    );
    return rows.map(authorityFromRow);
  }

  async #activate(tx: Tx, input: Parameters<AuthorityStore['activate']>[0]): Promise<boolean> {
    const { authority, certificate, der, chain, events } = input;
    const { sql } = tx;
    const { count } = await sql`
      update cert.authorities
      set state = 'active', certificate = ${der}, chain = ${sql.array([...chain], PG_OID.bytea)}::bytea[],
        not_before = ${certificate.notBefore}, not_after = ${certificate.notAfter}, version = version + 1
      where uid = ${authority.uid} and state = 'creating' and certificate_id = ${certificate.id}`;
    if (count === 0) return false;
    await sql`
      update cert.certificates
      set state = 'issued', der = ${der}, fingerprint_sha256 = sha256(${der}::bytea), version = version + 1
      where id = ${certificate.id} and state = 'pending'`;
    // Due at once: a certificate is never issued long before the CRL that it names is there.
    await sql`
      insert into cert.crl_shards (authority_uid, shard, next_number, revision, published_revision, due_at)
      select ${authority.uid}::uuid, shard, 1, 0, 0, now() from generate_series(0, ${authority.crlShardCount - 1}::integer) as shard`;
    await this.#events.append(tx, events);
    return true;
  }
}

async function insertAuthority({ sql }: Tx, authority: Authority): Promise<boolean> {
  const { count } = await sql`
    insert into cert.authorities (
      uid, project, id, type, state, subject, subject_der, issuer_uid, issuer_id, key_name, key_algorithm, chain, lifetime_ms,
      crl_shard_count, pki_base_url, created_at, version
    ) values (
      ${authority.uid}, ${authority.project}, ${authority.id}, ${authority.type}, 'creating',
      ${JSON.stringify(authority.subject)}::jsonb, ${authority.subjectDer}, ${authority.issuerUid}, ${authority.issuerId},
      ${authority.keyName}, ${authority.keyAlgorithm}, '{}', ${BigInt(Math.round(authority.lifetimeMs))},
      ${authority.crlShardCount}, ${authority.pkiBaseUrl}, ${authority.createdAt}, ${authority.version}
    )
    on conflict (project, id) do nothing`;
  return count === 1;
}
