import { isDeepStrictEqual } from 'node:util';
import { type Database, PG_OID, type TransactionSql } from '@cert-tasks/db';
import { AppError } from '@cert-tasks/kernel';
import { replayTask } from '../../domain/replay-task.ts';
import { eventFromRow, TASK_COLUMNS, type TaskEventRow, type TaskRow, taskFromRow } from './task-rows.ts';

const PAGE_ROWS = 500;
const COLUMNS = TASK_COLUMNS.join(', ');

/** A lease that ran out is taken back within a second; a busy scheduler may take longer. */
const LEASE_GRACE_SECONDS = 30;

/**
 * What is wrong with a task.
 *
 * - `history-differs`: its row is not the sum of its events, or they contradict the state machine.
 * - `task-missing`: it has a history and no row.
 * - `live-and-ended`: it is among those that live and among those that have ended.
 * - `unique-key-leaked`: its unique key is held, though it does not live.
 * - `unique-key-not-held`: it lives, and its unique key is not held.
 * - `lease-not-expired`: its lease ran out, and nobody took it back.
 * - `occurrence-without-task`: a schedule's occurrence made it, and it is not there.
 */
export type HistoryBreachKind =
  | 'history-differs'
  | 'task-missing'
  | 'live-and-ended'
  | 'unique-key-leaked'
  | 'unique-key-not-held'
  | 'lease-not-expired'
  | 'occurrence-without-task';

/** A task that is not what it should be. */
export interface HistoryBreach {
  readonly kind: HistoryBreachKind;
  /** Resource name, or the id alone where there is no row. */
  readonly task: string;
  readonly problem: string;
}

type StoredEvent = TaskEventRow & { readonly task_id: string };

/**
 * Rebuilds every task from its events and compares it with its row; looks for histories and occurrences without a task, for
 * unique keys that are held by nobody or not held, and for leases that ran out and were not taken back. `database` may be of
 * any role that can read the schema `task`. Reads in pages, each as of one moment, so that a running platform can be checked.
 *
 * @param settleSeconds - a lease that ran out less than this long ago, or less than 30 seconds, is not told.
 * @throws DbError (as rejection) where the database cannot be read.
 */
export async function* findHistoryBreaches(
  database: Database,
  { settleSeconds = 0 }: { readonly settleSeconds?: number } = {},
): AsyncGenerator<HistoryBreach, void, void> {
  for (let after: string | undefined = '00000000-0000-0000-0000-000000000000'; after !== undefined; ) {
    const page: { breaches: HistoryBreach[]; last: string | undefined } = await checkPage(database, after);
    yield* page.breaches;
    after = page.last;
  }
  yield* await strayRows(database);
  yield* await overdueLeases(database, Math.max(settleSeconds, LEASE_GRACE_SECONDS));
}

async function checkPage(database: Database, after: string) {
  const read = async ({ sql }: { sql: TransactionSql }) => {
    const rows = await sql<TaskRow[]>`
      select ${sql.unsafe(COLUMNS)}
      from (
        select ${sql.unsafe(COLUMNS)} from tasks
        union all
        select ${sql.unsafe(COLUMNS)} from finished_tasks
      ) as stored
      where id > ${after}
      order by id
      limit ${PAGE_ROWS}`;
    const ids = rows.map(({ id }) => id);
    const events = await sql<StoredEvent[]>`
      select task_id, sequence, state, at, attempt, fence, worker, error_reason, error_message, detail
      from task_events
      where task_id = any(${sql.array(ids, PG_OID.uuid)}::uuid[])
      order by task_id, sequence`;
    return { rows, events };
  };
  const { rows, events } = await database.transaction('check-histories', read, { isolation: 'repeatable read' });
  const histories = Map.groupBy(events, ({ task_id }) => task_id);
  const copies = Map.groupBy(rows, ({ id }) => id);
  const breaches: HistoryBreach[] = [];
  for (const row of rows) {
    // One that is there twice is told as that, by what follows the pages.
    if (copies.get(row.id)?.length !== 1) continue;
    const problem = problemOf(row, histories.get(row.id) ?? []);
    if (problem === undefined) continue;
    breaches.push({ kind: 'history-differs', task: `projects/${row.project}/tasks/${row.id}`, problem });
  }
  return { breaches, last: rows.at(-1)?.id };
}

function problemOf(row: TaskRow, events: readonly StoredEvent[]): string | undefined {
  try {
    const { definition, life } = taskFromRow(row);
    const replayed = replayTask(events.map(eventFromRow));
    if (!isDeepStrictEqual(replayed.definition, definition)) return 'its definition is not the one of its creation';
    if (!isDeepStrictEqual(replayed.life, life)) return 'its row is not the sum of its events';
  } catch (error) {
    // A row that was changed may be no task at all.
    if (error instanceof AppError || error instanceof TypeError || error instanceof RangeError) return error.message;
    throw error;
  }
  return undefined;
}

async function strayRows(database: Database): Promise<readonly HistoryBreach[]> {
  const read = async ({ sql }: { sql: TransactionSql }) => {
    return await sql<HistoryBreach[]>`
      select 'live-and-ended' as kind, 'projects/' || t.project || '/tasks/' || t.id as task,
        'it lives and has ended at once' as problem
      from tasks t join finished_tasks f on f.id = t.id
      union all
      select distinct 'task-missing', e.task_id::text, 'it has a history and no row'
      from task_events e
      where not exists (select 1 from tasks t where t.id = e.task_id)
        and not exists (select 1 from finished_tasks t where t.id = e.task_id)
      union all
      select 'unique-key-leaked', 'projects/' || k.project || '/tasks/' || k.task_id,
        'its unique key is held, though it does not live'
      from task_unique_keys k
      where not exists (
        select 1 from tasks t
        where t.id = k.task_id and t.project = k.project and t.type = k.type and t.unique_key = k.unique_key
      )
      union all
      select 'unique-key-not-held', 'projects/' || t.project || '/tasks/' || t.id,
        'it lives, and its unique key is not held'
      from tasks t
      where t.unique_key is not null
        and not exists (
          select 1 from task_unique_keys k
          where k.task_id = t.id and t.project = k.project and t.type = k.type and t.unique_key = k.unique_key
        )
      union all
      select 'occurrence-without-task', o.task_id::text,
        'the schedule ' || o.schedule_id || ' made it for ' || to_char(o.planned_at, 'YYYY-MM-DD"T"HH24:MI:SSOF') || ', and it is not there'
      from schedule_occurrences o
      where o.task_id is not null
        and not exists (select 1 from tasks t where t.id = o.task_id)
        and not exists (select 1 from finished_tasks t where t.id = o.task_id)`;
  };
  return database.transaction('check-strays', read, { isolation: 'repeatable read' });
}

async function overdueLeases(database: Database, graceSeconds: number): Promise<readonly HistoryBreach[]> {
  return database.query(
    'check-leases',
    ({ sql }) => sql<HistoryBreach[]>`
      select 'lease-not-expired' as kind, 'projects/' || project || '/tasks/' || id as task,
        'its lease ran out, and nobody took it back' as problem
      from tasks
      where state = 'running' and lease_expires_at < clock_timestamp() - ${graceSeconds}::int * interval '1 second'`,
  );
}
