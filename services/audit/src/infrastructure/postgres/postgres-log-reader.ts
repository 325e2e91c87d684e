import type { Database, Pool } from '@cert-tasks/db';
import { assertNever } from '@cert-tasks/kernel';
import type { Tile } from '@cert-tasks/merkle';
import type { LogReader, LogStatus } from '../../application/ports/log-reader.ts';
import type { EntryCondition, EntryQuery, StoredEntry } from '../../domain/entry-query.ts';
import { AuditError } from '../../domain/errors.ts';
import type { TreeState } from '../../domain/tree-growth.ts';
import { type EntryRow, storedEntry } from './entry-rows.ts';
import { readPositions } from './postgres-log-work.ts';
import { readTiles } from './tile-rows.ts';

/** Reads the log in PostgreSQL. */
export class PostgresLogReader implements LogReader {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async find({ project, eventId }: { project: string; eventId: string }): Promise<StoredEntry | undefined> {
    const rows = await this.#db.query(
      'audit.find-entry',
      ({ sql }) => sql<EntryRow[]>`
        select ${entryColumns({ sql })}
        from entries e
        left join bodies b on b.index = e.index
        where e.event_id = ${eventId} and e.project = ${project}`,
    );
    return rows.map(storedEntry)[0];
  }

  async list({ project, conditions, order, after, limit }: EntryQuery): Promise<readonly StoredEntry[]> {
    const rows = await this.#db.query('audit.list-entries', ({ sql }) => {
      const isDescending = order === 'newest-first';
      const from =
        after === undefined ? sql`` : isDescending ? sql`and e.index < ${after}` : sql`and e.index > ${after}`;
      // A condition is one on the body; only without any are entries listed that have none.
      const bodies =
        conditions.length === 0
          ? sql`left join bodies b on b.index = e.index where e.project = ${project}`
          : sql`join bodies b on b.index = e.index where e.project = ${project} and b.project = ${project}`;
      const restrictions = conditions.reduce((all, one) => sql`${all} and ${restriction({ sql }, one)}`, sql``);
      return sql<EntryRow[]>`
        select ${entryColumns({ sql })}
        from entries e ${bodies} ${from} ${restrictions}
        order by e.index ${isDescending ? sql`desc` : sql`asc`}
        limit ${limit}`;
    });
    return rows.map(storedEntry);
  }

  async tree(): Promise<TreeState> {
    const [row] = await this.#db.query(
      'audit.read-tree',
      ({ sql }) => sql<TreeState[]>`select size, range from tree_state where singleton`,
    );
    if (row === undefined) throw treeMissing();
    return row;
  }

  readonly tiles = (tiles: readonly Tile[]): Promise<Uint8Array[]> =>
    this.#db.query('audit.read-tiles', (pool) => readTiles(pool, tiles));

  async status(): Promise<LogStatus> {
    const [row] = await this.#db.query(
      'audit.read-status',
      ({ sql }) => sql<{ size: bigint; reason: string | null; checkpoint: bigint | null; signedAt: Date | null }[]>`
        select t.size, t.held_reason as reason, s.tree_size as checkpoint, s.vouched_at as "signedAt"
        from tree_state t left join checkpoint_state s on s.singleton where t.singleton`,
    );
    if (row === undefined) throw treeMissing();
    const { size, reason, checkpoint, signedAt } = row;
    return {
      size,
      heldReason: reason ?? undefined,
      checkpoint: checkpoint === null || signedAt === null ? undefined : { size: checkpoint, signedAt },
    };
  }

  positions(): Promise<ReadonlyMap<string, bigint>> {
    return this.#db.query('audit.read-positions', () => readPositions(this.#db));
  }
}

function treeMissing(): AuditError {
  return new AuditError('log-damaged', 'The state of the tree is missing in the database.');
}

function entryColumns({ sql }: Pick<Pool, 'sql'>) {
  return sql`e.index, e.event_id as "eventId", e.project, e.leaf_data as "leafData", e.integrated_at as "integratedAt",
    b.canonical_event as "canonicalEvent", b.salt`;
}

function restriction({ sql }: Pick<Pool, 'sql'>, condition: EntryCondition) {
  if (condition.field !== 'time') return sql`${sql(`b.${condition.field}`)} = ${condition.value}`;
  const { comparison, value } = condition;
  switch (comparison) {
    case '<':
      return sql`b.time < ${value}`;
    case '<=':
      return sql`b.time <= ${value}`;
    case '>':
      return sql`b.time > ${value}`;
    case '>=':
      return sql`b.time >= ${value}`;
    default:
      return assertNever(comparison);
  }
}
