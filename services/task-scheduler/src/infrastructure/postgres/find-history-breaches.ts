import { isDeepStrictEqual } from 'node:util';
import { type Database, PG_OID, type TransactionSql } from '@cert-tasks/db';
import { AppError } from '@cert-tasks/kernel';
import { replayTask } from '../../domain/replay-task.ts';
import { eventFromRow, TASK_COLUMNS, type TaskEventRow, type TaskRow, taskFromRow } from './task-rows.ts';

const PAGE_ROWS = 500;
const COLUMNS = TASK_COLUMNS.join(', ');

/** A task that is not what it should be. */
export interface HistoryBreach {
  /** Resource name, or the id alone where there is only a history. */
  readonly task: string;
  readonly problem: string;
}

type StoredRow = TaskRow & { readonly stored_in: 'tasks' | 'finished_tasks' };
type StoredEvent = TaskEventRow & { readonly task_id: string };

/**
 * Rebuilds every task from its events and compares it with its row; looks for histories without a task, and for unique
 * keys that are held by nobody or not held. Reads in pages, each as of one moment, so that a running platform can be
 * checked.
 */
export async function* findHistoryBreaches(database: Database): AsyncGenerator<HistoryBreach> {
  for (let after: string | undefined = '00000000-0000-0000-0000-000000000000'; after !== undefined; ) {
    const page: { breaches: HistoryBreach[]; last: string | undefined } = await checkPage(database, after);
    yield* page.breaches;
    after = page.last;
  }
  yield* await strayRows(database);
}

async function checkPage(database: Database, after: string) {
  const read = async ({ sql }: { sql: TransactionSql }) => {
    const rows = await sql<StoredRow[]>`
      select ${sql.unsafe(COLUMNS)}, stored_in
      from (
        select ${sql.unsafe(COLUMNS)}, 'tasks' as stored_in from tasks
        union all
        select ${sql.unsafe(COLUMNS)}, 'finished_tasks' as stored_in from finished_tasks
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
  const breaches: HistoryBreach[] = [];
  let previous: string | undefined;
  for (const row of rows) {
    const problem =
      row.id === previous ? 'it lives and has ended at once' : problemOf(row, histories.get(row.id) ?? []);
    previous = row.id;
    if (problem !== undefined) breaches.push({ task: `projects/${row.project}/tasks/${row.id}`, problem });
  }
  return { breaches, last: rows.at(-1)?.id };
}

function problemOf(row: StoredRow, events: readonly StoredEvent[]): string | undefined {
  const { definition, life } = taskFromRow(row);
  try {
    const replayed = replayTask(events.map(eventFromRow));
    if (!isDeepStrictEqual(replayed.definition, definition)) return 'its definition is not the one of its creation';
    if (!isDeepStrictEqual(replayed.life, life)) return 'its row is not the sum of its events';
  } catch (error) {
    if (error instanceof AppError) return error.message;
    throw error;
  }
  return undefined;
}

async function strayRows(database: Database): Promise<readonly HistoryBreach[]> {
  const read = async ({ sql }: { sql: TransactionSql }) => {
    return await sql<{ task: string; problem: string }[]>`
      select e.task_id::text as task, 'it has a history and no row' as problem
      from task_events e
      where e.sequence = 1
        and not exists (select 1 from tasks t where t.id = e.task_id)
        and not exists (select 1 from finished_tasks t where t.id = e.task_id)
      union all
      select 'projects/' || k.project || '/tasks/' || k.task_id, 'its unique key is held, though it does not live'
      from task_unique_keys k
      where not exists (
        select 1 from tasks t
        where t.id = k.task_id and t.project = k.project and t.type = k.type and t.unique_key = k.unique_key
      )
      union all
      select 'projects/' || t.project || '/tasks/' || t.id, 'it lives, and its unique key is not held'
      from tasks t
      where t.unique_key is not null
        and not exists (
          select 1 from task_unique_keys k
          where k.task_id = t.id and t.project = k.project and t.type = k.type and t.unique_key = k.unique_key
        )`;
  };
  return database.transaction('check-strays', read, { isolation: 'repeatable read' });
}
