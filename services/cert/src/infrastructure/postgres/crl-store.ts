import type { Database, Sql, TransactionSql, Tx } from '@cert-tasks/db';
import type { CrlStore, DueShard, ShardContent, StoredCrl } from '../../application/ports/crl-store.ts';
import type { CertEvent } from '../../domain/event.ts';
import { reasonFromCode } from '../../domain/revocation-reason.ts';
import type { EventOutbox } from './event-outbox.ts';

const MAX_PUT_OFF_SECONDS = 300;

interface CrlRow {
  readonly id: string;
  readonly authority_uid: string;
  readonly shard: number;
  readonly number: bigint;
  readonly state: StoredCrl['state'];
  readonly tbs: Uint8Array;
  readonly der: Uint8Array | null;
  readonly this_update: Date;
  readonly next_update: Date;
  readonly revision: bigint;
}

/** CRLs and their shards in PostgreSQL. */
export class PostgresCrlStore implements CrlStore {
  readonly #db: Database;
  readonly #events: EventOutbox;

  constructor(deps: { readonly db: Database; readonly events: EventOutbox }) {
    this.#db = deps.db;
    this.#events = deps.events;
  }

  async listDue({ now, limit }: { now: Date; limit: number }): Promise<readonly DueShard[]> {
    return await this.#db.query(
      'crl.list-due',
      ({ sql }) => sql<DueShard[]>`
        select authority_uid as "authorityUid", shard from cert.crl_shards
        where (revision > published_revision or due_at <= ${now}) and (retry_at is null or retry_at <= ${now})
        order by revision > published_revision desc, due_at, authority_uid, shard
        limit ${limit}`,
    );
  }

  async findPending({ authorityUid, shard }: DueShard): Promise<StoredCrl | undefined> {
    const [row] = await this.#db.query(
      'crl.find-pending',
      ({ sql }) => sql<CrlRow[]>`
        select ${crlColumns(sql)} from cert.crls
        where authority_uid = ${authorityUid} and shard = ${shard} and state = 'pending'`,
    );
    return row && crlFromRow(row);
  }

  recordIntent(input: Parameters<CrlStore['recordIntent']>[0]): Promise<StoredCrl> {
    return this.#db.transaction('crl.record-intent', async (tx) => {
      const crl = input.build(await takeContent(tx, input.shard));
      await insertCrl(tx, crl);
      return crl;
    });
  }

  async publish(input: { crl: StoredCrl; der: Uint8Array; dueAt: Date; event: CertEvent }): Promise<boolean> {
    const { crl, der, dueAt, event } = input;
    const published = await this.#db.transaction('crl.publish', async (tx) => {
      const { sql } = tx;
      const { count } = await sql`
        update cert.crls set state = 'published', der = ${der} where id = ${crl.id} and state = 'pending'`;
      if (count === 0) return false;
      await sql`
        update cert.crl_shards
        set current_crl_id = ${crl.id}, published_revision = ${crl.revision}, due_at = ${dueAt}, failures = 0, retry_at = null
        where authority_uid = ${crl.authorityUid} and shard = ${crl.shard} and published_revision <= ${crl.revision}`;
      // RFC 5280, 3.3: an entry leaves only after a CRL issued past the certificate's expiry has listed it.
      await sql`
        update cert.revocations set listed_past_expiry = ${crl.thisUpdate}
        where authority_uid = ${crl.authorityUid} and shard = ${crl.shard} and revision <= ${crl.revision}
          and not_after < ${crl.thisUpdate} and listed_past_expiry is null`;
      await this.#events.append(tx, [event]);
      return true;
    });
    if (published) this.#events.committed();
    return published;
  }

  async fail(crl: StoredCrl): Promise<void> {
    await this.#db.query(
      'crl.fail',
      ({ sql }) => sql`update cert.crls set state = 'failed' where id = ${crl.id} and state = 'pending'`,
    );
  }

  async putOff({ shard, now }: { shard: DueShard; now: Date }): Promise<void> {
    await this.#db.query(
      'crl.put-off',
      ({ sql }) => sql`
        update cert.crl_shards
        set failures = least(failures, 30) + 1,
          retry_at = ${now}::timestamptz + least(${MAX_PUT_OFF_SECONDS}, power(2, least(failures, 30))) * interval '1 second'
        where authority_uid = ${shard.authorityUid} and shard = ${shard.shard}`,
    );
  }

  async findCurrent({ authorityUid, shard }: DueShard): Promise<StoredCrl | undefined> {
    const [row] = await this.#db.query(
      'crl.find-current',
      ({ sql }) => sql<CrlRow[]>`
        select ${crlColumns(sql)} from cert.crls
        where id = (
          select current_crl_id from cert.crl_shards where authority_uid = ${authorityUid} and shard = ${shard}
        )`,
    );
    return row && crlFromRow(row);
  }
}

/**
 * Takes the next number. Revocations change the shard's row too, so under its lock the revision read here and the
 * entries read after it agree: what is
 * not in has a greater revision.
 */
async function takeContent({ sql }: Tx, { authorityUid, shard }: DueShard): Promise<ShardContent> {
  const [row] = await sql<{ number: bigint; revision: bigint }[]>`
    update cert.crl_shards set next_number = next_number + 1
    where authority_uid = ${authorityUid} and shard = ${shard}
    returning next_number - 1 as number, revision`;
  if (row === undefined) throw new Error(`Authority ${authorityUid} has no CRL shard ${shard}.`);
  const entries = await sql<{ serial: Uint8Array; revoked_at: Date; reason: number }[]>`
    select serial, revoked_at, reason from cert.revocations
    where authority_uid = ${authorityUid} and shard = ${shard} and listed_past_expiry is null
    order by serial`;
  return {
    ...row,
    entries: entries.map(({ serial, revoked_at, reason }) => {
      const name = reasonFromCode(reason);
      if (name === undefined)
        throw new Error(`A revocation of authority ${authorityUid} has the unknown reason ${reason}.`);
      return { serial, revokedAt: revoked_at, reason: name };
    }),
  };
}

async function insertCrl({ sql }: Tx, crl: StoredCrl): Promise<void> {
  await sql`
    insert into cert.crls (id, authority_uid, shard, number, state, tbs, this_update, next_update, revision)
    values (${crl.id}, ${crl.authorityUid}, ${crl.shard}, ${crl.number}, 'pending', ${crl.tbs}, ${crl.thisUpdate},
      ${crl.nextUpdate}, ${crl.revision})`;
}

function crlColumns(sql: Sql | TransactionSql) {
  return sql`id, authority_uid, shard, number, state, tbs, der, this_update, next_update, revision`;
}

function crlFromRow(row: CrlRow): StoredCrl {
  return {
    id: row.id,
    authorityUid: row.authority_uid,
    shard: row.shard,
    number: row.number,
    state: row.state,
    tbs: row.tbs,
    der: row.der ?? undefined,
    thisUpdate: row.this_update,
    nextUpdate: row.next_update,
    revision: row.revision,
  };
}
