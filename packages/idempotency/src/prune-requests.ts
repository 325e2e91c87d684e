import { type Database, tableName } from '@cert-tasks/db';
import type { RequestTable } from './request-table.ts';

const KEEP_MS = 7 * 24 * 60 * 60 * 1_000;
const BATCH_ROWS = 1_000;

/** Options of {@link pruneRequests}. */
export interface PruneRequestsOptions {
  readonly db: Database;
  readonly table: RequestTable;
  /** Ends the work between two batches. */
  readonly signal: AbortSignal;
  /** How long requests are remembered, in milliseconds by the database's clock. 7 days by default. */
  readonly keepMs?: number;
}

/**
 * Forgets requests that are older than 7 days, in batches of 1,000, and returns how many. Several replicas may do it at
 * once. Meant for a `Loop` of an hour or so.
 */
export async function pruneRequests({ db, table, signal, keepMs = KEEP_MS }: PruneRequestsOptions): Promise<number> {
  let pruned = 0;
  while (!signal.aborted) {
    const { count } = await db.query(
      'requests.prune',
      ({ sql }) => sql`
        delete from ${sql(tableName(table))} where key in (
          select key from ${sql(tableName(table))}
          where created_at < now() - ${keepMs}::int8 * interval '1 millisecond'
          order by created_at
          limit ${BATCH_ROWS}
        )`,
    );
    pruned += count;
    if (count < BATCH_ROWS) break;
  }
  return pruned;
}
