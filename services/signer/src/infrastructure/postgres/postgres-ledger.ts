import { PG_OID, type Queryable } from '@cert-tasks/db';
import type { Ledger, LedgerListing, NewLedgerRow, NewVoidedRow } from '../../application/ports/ledger.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import { entryFromRow, type LedgerRow, type ListingRow, listingFromRow } from './rows.ts';

/** The ledger in the table `ledger`. */
export class PostgresLedger implements Ledger {
  readonly #sql: Queryable['sql'];

  constructor({ sql }: Pick<Queryable, 'sql'>) {
    this.#sql = sql;
  }

  /**
   * The share lock comes first and is what the rows are joined with. Where another transaction is disabling a key, the lock
   * waits for it and then sees its outcome (read committed re-checks the condition on the row's new version). Keys are
   * locked and rows inserted in order of their ids, so that two batches seldom wait for each other crosswise.
   */
  async insertSigned(rows: readonly NewLedgerRow[]): Promise<ReadonlyMap<string, Date>> {
    const column = <T>(oid: number, cellOf: (row: NewLedgerRow) => T) =>
      this.#sql.array(rows.map(cellOf) as never, oid);
    const inserted = await this.#sql<{ intent_id: string; created_at: Date }[]>`
      with enabled as materialized (
        select k.id from signer.keys k
        where k.id = any(${this.#sql.array([...new Set(rows.map(({ keyId }) => keyId))], PG_OID.uuid)}::uuid[])
          and k.state = 'enabled'
        order by k.id
        for share
      )
      insert into signer.ledger
        (intent_id, key_id, key_version, kind, tbs, tbs_sha256, signature, serial, caller, state)
      select r.intent_id, r.key_id, r.key_version, r.kind, r.tbs, r.tbs_sha256, r.signature, r.serial, r.caller, 'signed'
      from unnest(
        ${column(PG_OID.uuid, (row) => row.intentId)}::uuid[],
        ${column(PG_OID.uuid, (row) => row.keyId)}::uuid[],
        ${column(PG_OID.int4, (row) => row.keyVersion)}::int4[],
        ${column(PG_OID.text, (row) => row.kind)}::text[],
        ${column(PG_OID.bytea, (row) => row.tbs)}::bytea[],
        ${column(PG_OID.bytea, (row) => row.tbsSha256)}::bytea[],
        ${column(PG_OID.bytea, (row) => row.signature)}::bytea[],
        ${column(PG_OID.bytea, (row) => row.serial ?? null)}::bytea[],
        ${column(PG_OID.text, (row) => row.caller)}::text[]
      ) as r (intent_id, key_id, key_version, kind, tbs, tbs_sha256, signature, serial, caller)
      join enabled on enabled.id = r.key_id
      order by r.intent_id
      on conflict do nothing
      returning intent_id, created_at`;
    return new Map(inserted.map((row) => [row.intent_id, row.created_at]));
  }

  async insertVoided({ intentId, keyId, caller }: NewVoidedRow): Promise<Date | undefined> {
    const [row] = await this.#sql<{ created_at: Date }[]>`
      insert into signer.ledger (intent_id, key_id, caller, state)
      values (${intentId}, ${keyId}, ${caller}, 'voided')
      on conflict do nothing
      returning created_at`;
    return row?.created_at;
  }

  async find(intentIds: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>> {
    const rows = await this.#sql<LedgerRow[]>`
      select intent_id, key_id, key_version, kind, tbs_sha256, signature, state, created_at
      from signer.ledger
      where intent_id = any(${this.#sql.array([...intentIds], PG_OID.uuid)}::uuid[])`;
    return new Map(rows.map((row) => [row.intent_id, entryFromRow(row)]));
  }

  async listSettled(page: {
    readonly afterPosition: bigint;
    readonly limit: number;
    readonly settleMs: number;
  }): Promise<readonly LedgerListing[]> {
    const rows = await this.#sql<(ListingRow & { is_settled: boolean })[]>`
      select l.position, l.intent_id, k.project, k.name, l.kind, l.tbs_sha256, l.created_at,
        l.created_at < clock_timestamp() - make_interval(secs => ${page.settleMs}::float8 / 1000) as is_settled
      from signer.ledger l join signer.keys k on k.id = l.key_id
      where l.position > ${page.afterPosition}
      order by l.position
      limit ${page.limit}`;
    // Nothing after the first row that is too young, whatever its age: a reader goes on from the last position that it saw.
    const firstYoung = rows.findIndex((row) => !row.is_settled);
    return (firstYoung < 0 ? rows : rows.slice(0, firstYoung)).map(listingFromRow);
  }
}
