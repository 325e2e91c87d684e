import { PG_OID, type Sql, type TransactionSql } from '@cert-tasks/db';
import type { TaskRef } from '../../domain/task.ts';
import { TASK_COLUMNS, type TaskRow } from './task-rows.ts';

/**
 * The state to show: what waits for its time is pending once that has come (domain/task-state.ts, `stateAt`). In SQL
 * too, since lists are filtered by it.
 */
const SHOWN_STATE =
  "case when t.state in ('scheduled', 'retrying') and t.run_at <= statement_timestamp() then 'pending' else t.state end as state";

/** {@link TASK_COLUMNS} of a table `t`, with the state to show. */
export const SHOWN_COLUMNS = TASK_COLUMNS.map((column) => (column === 'state' ? SHOWN_STATE : `t.${column}`)).join(
  ', ',
);

/** Rows of tasks, live and ended, with the state to show; in no order. */
export async function findTasks(sql: Sql | TransactionSql, refs: readonly TaskRef[]): Promise<readonly TaskRow[]> {
  const ids = sql.array(
    refs.map(({ id }) => id),
    PG_OID.uuid,
  );
  const projects = sql.array(
    refs.map(({ project }) => project),
    PG_OID.text,
  );
  const columns = sql.unsafe(SHOWN_COLUMNS);
  return await sql<TaskRow[]>`
    with wanted as (select distinct w.id, w.project from unnest(${ids}::uuid[], ${projects}::text[]) as w (id, project))
    select ${columns} from wanted join tasks t on t.id = wanted.id and t.project = wanted.project
    union all
    select ${columns} from wanted join finished_tasks t on t.id = wanted.id and t.project = wanted.project`;
}
