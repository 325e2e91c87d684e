import type { Database, Sql } from '@cert-tasks/db';
import type {
  ShownState,
  TaskCounts,
  TaskEventSummary,
  TaskListQuery,
  TaskReader,
} from '../../application/ports/task-store.ts';
import { isEnded, type Task, type TaskRef } from '../../domain/task.ts';
import { MAX_ANSWER_WEIGHT } from './answer-weight.ts';
import { findTasks, SHOWN_COLUMNS } from './find-tasks.ts';
import { TASK_COLUMNS, type TaskEventRow, type TaskRow, taskFromRow } from './task-rows.ts';

/** After every UUID. */
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

const PAGE_COLUMNS = TASK_COLUMNS.join(', ');

/** Tasks in PostgreSQL, outside of transactions. */
export class PostgresTaskReader implements TaskReader {
  readonly #db: Pick<Database, 'query'>;

  constructor(db: Pick<Database, 'query'>) {
    this.#db = db;
  }

  async find(ref: TaskRef): Promise<Task | undefined> {
    const [row] = await this.#db.query('find-task', ({ sql }) => findTasks(sql, [ref]));
    return row === undefined ? undefined : taskFromRow(row);
  }

  async list(query: TaskListQuery): Promise<{ readonly tasks: readonly Task[]; readonly more: boolean }> {
    const rows = await this.#db.query('list-tasks', ({ sql }) => listTasks(sql, query));
    const shown = rows.slice(0, query.limit);
    return { tasks: shown.map(taskFromRow), more: (rows[0]?.available ?? 0) > shown.length };
  }

  async listEvents(
    query: TaskRef & { readonly after: number; readonly limit: number },
  ): Promise<readonly TaskEventSummary[] | undefined> {
    const { project, id, after, limit } = query;
    return this.#db.query('list-task-events', async ({ sql }) => {
      const [exists, rows] = await Promise.all([
        sql`
          select 1 from tasks where id = ${id} and project = ${project}
          union all
          select 1 from finished_tasks where id = ${id} and project = ${project}`,
        sql<Omit<TaskEventRow, 'detail'>[]>`
          select sequence, state, at, attempt, fence, worker, error_reason, error_message from task_events
          where task_id = ${id} and sequence > ${after}
          order by sequence
          limit ${limit}`,
      ]);
      return exists.length === 0 ? undefined : rows.map(summaryFromRow);
    });
  }

  async count(): Promise<TaskCounts> {
    const rows = await this.#db.query(
      'count-tasks',
      ({ sql }) => sql<{ state: keyof TaskCounts['states']; count: number; longest_due_ms: number | null }[]>`
        select shown.state, count(*)::int as count,
          (extract(epoch from statement_timestamp() - min(shown.run_at)) * 1000)::float8 as longest_due_ms
        from (select ${sql.unsafe(SHOWN_COLUMNS)} from tasks t) as shown
        group by shown.state`,
    );
    const states = { scheduled: 0, pending: 0, running: 0, retrying: 0 };
    for (const { state, count } of rows) states[state] = count;
    const due = rows.find(({ state }) => state === 'pending');
    return { states, longestDueMs: Math.max(0, due?.longest_due_ms ?? 0) };
  }
}

/** Live and ended tasks together, in one statement: one that ends meanwhile is seen once. */
async function listTasks(
  sql: Sql,
  { project, state, type, before = LAST_ID, limit }: TaskListQuery,
): Promise<readonly (TaskRow & { readonly available: number })[]> {
  const ofType = type === undefined ? sql`` : sql`and t.type = ${type}`;
  const branch = (table: 'tasks' | 'finished_tasks', inState: ReturnType<typeof shownIn>) => sql`(
    select ${sql.unsafe(SHOWN_COLUMNS)} from ${sql(table)} t
    where t.project = ${project} and t.id < ${before} ${ofType} ${inState}
    order by t.id desc
    limit ${limit + 1}
  )`;
  const live = branch('tasks', shownIn(sql, state));
  const ended = branch('finished_tasks', state === undefined ? sql`` : sql`and t.state = ${state}`);
  const page = state === undefined ? sql`${live} union all ${ended}` : isEnded(state) ? ended : live;
  return await sql<(TaskRow & { available: number })[]>`
    select ${sql.unsafe(PAGE_COLUMNS)}, available
    from (
      select page.*, count(*) over ()::int as available, sum(weight) over (order by id desc) - weight as before
      from (select * from (${page}) as both_tables order by id desc limit ${limit + 1}) as page
    ) as weighed
    where before < ${MAX_ANSWER_WEIGHT}
    order by id desc`;
}

/** The condition on a live row that it shows this state. */
function shownIn(sql: Sql, state: ShownState | undefined) {
  switch (state) {
    case undefined:
      return sql``;
    case 'pending':
      return sql`and t.state in ('scheduled', 'pending', 'retrying') and t.run_at <= statement_timestamp()`;
    case 'scheduled':
    case 'retrying':
      return sql`and t.state = ${state} and t.run_at > statement_timestamp()`;
    default:
      return sql`and t.state = ${state}`;
  }
}

function summaryFromRow(row: Omit<TaskEventRow, 'detail'>): TaskEventSummary {
  return {
    sequence: row.sequence,
    state: row.state,
    at: row.at,
    attempt: row.attempt,
    worker: row.worker ?? undefined,
    error: row.error_reason === null ? undefined : { reason: row.error_reason, message: row.error_message ?? '' },
  };
}
