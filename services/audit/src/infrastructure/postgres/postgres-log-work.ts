import { assertLease, type Database, type LeaseTable, PG_OID, type Tx } from '@cert-tasks/db';
import { encodeTile } from '@cert-tasks/merkle';
import type {
  FullTile,
  LogAppend,
  LogTransaction,
  LogWork,
  Place,
  PlacedLeaf,
  WriteRight,
} from '../../application/ports/log-work.ts';
import type { Conflict } from '../../domain/conflict.ts';
import { AuditError } from '../../domain/errors.ts';
import type { OwnEvent } from '../../domain/own-event.ts';
import type { TreeState } from '../../domain/tree-growth.ts';
import { insertBodies, insertEntries } from './entry-rows.ts';
import { readTileStart } from './tile-rows.ts';

/** What {@link PostgresLogWork} works with. */
export interface PostgresLogWorkOptions {
  readonly db: Database;
  readonly leases: LeaseTable;
  /** Name of the sequencer's lease. */
  readonly leaseName: string;
  /** Appends events of the log's own to the outbox. */
  readonly tell: (tx: Tx, events: readonly OwnEvent[]) => Promise<void>;
}

/** Writes the log in PostgreSQL. */
export class PostgresLogWork implements LogWork {
  readonly #options: PostgresLogWorkOptions;

  constructor(options: PostgresLogWorkOptions) {
    this.#options = options;
  }

  write<T>({ fence }: WriteRight, fn: (log: LogTransaction) => Promise<T>): Promise<T> {
    const { db, leases, leaseName, tell } = this.#options;
    return db.transaction('audit.sequence', async (tx) => {
      await assertLease(tx, { table: leases, name: leaseName, fence });
      return await fn(new PostgresLogTransaction(tx, tell));
    });
  }
}

class PostgresLogTransaction implements LogTransaction {
  readonly #tx: Tx;
  readonly #tell: PostgresLogWorkOptions['tell'];

  constructor(tx: Tx, tell: PostgresLogWorkOptions['tell']) {
    this.#tx = tx;
    this.#tell = tell;
  }

  async lockTree(): Promise<TreeState & { readonly isHeld: boolean }> {
    const [row] = await this.#tx.sql<{ size: bigint; range: Uint8Array; isHeld: boolean }[]>`
      select size, range, held_reason is not null as "isHeld" from tree_state where singleton for update`;
    if (row === undefined) throw new AuditError('log-damaged', 'The state of the tree is missing in the database.');
    return row;
  }

  positions(): Promise<ReadonlyMap<string, bigint>> {
    return readPositions(this.#tx);
  }

  async leavesAt(places: readonly Place[]): Promise<readonly PlacedLeaf[]> {
    const { sql } = this.#tx;
    const sources = sql.array(
      places.map(({ source }) => source),
      PG_OID.text,
    );
    const numbers = sql.array(
      places.map(({ number }) => number),
      PG_OID.int8,
    );
    return await sql<PlacedLeaf[]>`
      select e.source, e.number, e.index, e.leaf_data as "leafData"
      from unnest(${sources}::text[], ${numbers}::int8[]) as place (source, number)
      join entries e on e.source = place.source and e.number = place.number`;
  }

  async indexesOf(eventIds: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    const { sql } = this.#tx;
    const rows = await sql<{ eventId: string; index: bigint }[]>`
      select event_id as "eventId", index from entries
      where event_id = any(${sql.array([...eventIds], PG_OID.uuid)}::uuid[])`;
    return new Map(rows.map(({ eventId, index }) => [eventId, index]));
  }

  tileHashes({ level, index, count }: { level: number; index: bigint; count: number }): Promise<Uint8Array[]> {
    return readTileStart(this.#tx, { level, index, width: count });
  }

  async append({ entries, fullTiles, tree, positions }: LogAppend): Promise<void> {
    await Promise.all([
      insertEntries(this.#tx, entries),
      insertBodies(this.#tx, entries),
      this.#insertTiles(fullTiles),
      this.#saveTree(tree),
      this.#savePositions(positions),
    ]);
  }

  async recordConflicts(conflicts: readonly Conflict[]): Promise<readonly Conflict[]> {
    const { sql } = this.#tx;
    const recorded: Conflict[] = [];
    // One by one: they are rare, and the same story may be among them twice.
    for (const conflict of conflicts) {
      const { kind, source, number, eventId, index, offeredLeaf, offered } = conflict;
      const rows = await sql`
        insert into conflicts (kind, source, number, event_id, index, offered_leaf, offered, detected_at)
        values (${kind}, ${source}, ${number}, ${eventId}, ${index}, ${offeredLeaf}, ${offered}, clock_timestamp())
        on conflict (source, number, kind, offered_leaf) do nothing
        returning id`;
      if (rows.length > 0) recorded.push(conflict);
    }
    return recorded;
  }

  tell(events: readonly OwnEvent[]): Promise<void> {
    return this.#tell(this.#tx, events);
  }

  async #insertTiles(tiles: readonly FullTile[]): Promise<void> {
    if (tiles.length === 0) return;
    const { sql } = this.#tx;
    await sql`
      insert into tiles (level, index, root, hashes)
      select * from unnest(
        ${sql.array(
          tiles.map(({ level }) => level),
          PG_OID.int4,
        )}::int4[],
        ${sql.array(
          tiles.map(({ index }) => index),
          PG_OID.int8,
        )}::int8[],
        ${sql.array(
          tiles.map(({ root }) => root),
          PG_OID.bytea,
        )}::bytea[],
        ${sql.array(
          tiles.map(({ hashes }) => encodeTile(hashes)),
          PG_OID.bytea,
        )}::bytea[])`;
  }

  async #saveTree({ size, range }: TreeState): Promise<void> {
    await this.#tx.sql`update tree_state set size = ${size}, range = ${range} where singleton`;
  }

  async #savePositions(positions: ReadonlyMap<string, bigint>): Promise<void> {
    const { sql } = this.#tx;
    await sql`
      insert into positions (source, number)
      select * from unnest(
        ${sql.array([...positions.keys()], PG_OID.text)}::text[],
        ${sql.array([...positions.values()], PG_OID.int8)}::int8[])
      on conflict (source) do update set number = excluded.number`;
  }
}

/** The last number in the log of every source that has any. */
export async function readPositions({ sql }: Pick<Tx, 'sql'> | Database): Promise<ReadonlyMap<string, bigint>> {
  const rows = await sql<{ source: string; number: bigint }[]>`select source, number from positions`;
  return new Map(rows.map(({ source, number }) => [source, number]));
}
