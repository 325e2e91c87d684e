import { type Database, tableName } from '@cert-tasks/db';
import type { OutboxTables } from './outbox-tables.ts';

const KEEP_MS = 7 * 24 * 60 * 60 * 1_000;
const BATCH_ROWS = 1_000;

/** Options of {@link pruneOutbox}. */
export interface PruneOutboxOptions {
  readonly db: Database;
  readonly tables: OutboxTables;
  /** Consumers that events are kept for even before they first report; those that have reported count as well. */
  readonly consumers: readonly string[];
  /** Ends the work between two batches. */
  readonly signal: AbortSignal;
  /** How long events are kept at least, in milliseconds by the database's clock. 7 days by default. */
  readonly keepMs?: number;
}

/**
 * Deletes events that every consumer has reported and that are older than 7 days, from the lowest number on without gaps,
 * in batches of 1,000. Returns how many. Several replicas may do it at once. Meant for a `Loop` of some minutes.
 */
export async function pruneOutbox(options: PruneOutboxOptions): Promise<number> {
  let pruned = 0;
  while (!options.signal.aborted) {
    const count = await pruneBatch(options);
    pruned += count;
    if (count < BATCH_ROWS) break;
  }
  return pruned;
}

function pruneBatch({ db, tables, consumers, keepMs = KEEP_MS }: PruneOutboxOptions): Promise<number> {
  const outbox = tableName(tables.outbox);
  const state = tableName(tables.outboxState);
  return db.transaction('outbox.prune', async ({ sql }) => {
    const [locked] = await sql<{ pruned: bigint; last: bigint }[]>`
      select pruned_number as pruned, last_number as last from ${sql(state)} where "only" for update`;
    if (locked === undefined) return 0;
    const reported = await sql<{ name: string; number: bigint }[]>`
      select name, number from ${sql(tableName(tables.outboxConsumers))}`;
    const positions = new Map([
      ...consumers.map((name) => [name, 0n] as const),
      ...reported.map(({ name, number }) => [name, number] as const),
    ]);
    let consumed = locked.last;
    for (const number of positions.values()) if (number < consumed) consumed = number;
    // Ages do not grow strictly with numbers: the first event that is too young ends it.
    const [old] = await sql<{ upTo: bigint | null }[]>`
      select max(number) as "upTo" from (
        select number, bool_and(created_at < now() - ${keepMs}::int8 * interval '1 millisecond')
          over (order by number) as all_old
        from ${sql(outbox)} where number > ${locked.pruned} and number <= ${consumed}
        order by number limit ${BATCH_ROWS}
      ) as oldest where all_old`;
    const upTo = old?.upTo ?? null;
    if (upTo === null) return 0;
    const { count } = await sql`delete from ${sql(outbox)} where number > ${locked.pruned} and number <= ${upTo}`;
    await sql`update ${sql(state)} set pruned_number = ${upTo} where "only"`;
    return count;
  });
}
