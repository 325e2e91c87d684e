import type { TransactionSql } from '@cert-tasks/db';
import type { NewTask, TaskChange } from '../../application/ports/task-store.ts';
import { isEnded } from '../../domain/task.ts';
import { changeRecord, eventRecord, storedDefinition, TASK_COLUMNS, weightOf } from './task-rows.ts';

/** What an ended task's row takes from its last change; a lease it has no more. */
const FROM_CHANGE = new Set<string>([
  'state',
  'run_at',
  'fence',
  'ended_fence',
  'last_error_reason',
  'last_error_message',
  'result',
  'weight',
  'version',
  'ended_at',
]);
const FINISHED_COLUMNS = TASK_COLUMNS.join(', ');
const GONE_COLUMNS = TASK_COLUMNS.map((column) => {
  if (column === 'lease_ms') return 'null::int as lease_ms';
  if (column === 'lease_expires_at') return 'null::timestamptz as lease_expires_at';
  return `${FROM_CHANGE.has(column) ? 'c' : 't'}.${column}`;
}).join(', ');

const CHANGE_RECORD = `as c (
  id uuid, state text, run_at timestamptz, fence bigint, ended_fence bigint, last_error_reason text, last_error_message text,
  result json, weight int, version int, ended_at timestamptz
)`;

/** Writes new tasks and the events that create them. */
export async function insertTasks(sql: TransactionSql, tasks: readonly NewTask[]): Promise<void> {
  const records = tasks.map(({ id, project, definition, life }) => ({
    id,
    project,
    state: life.state,
    run_at: life.runAt,
    created_at: life.createdAt,
    weight: weightOf(definition),
    definition: storedDefinition(definition),
  }));
  await sql`
    with given as (
      select r.id, r.project, r.state, r.run_at, r.created_at, r.weight, r.definition,
        d.type, d.priority, d.payload, d.labels, d.schedule_at, d.deadline_at, d.attempt_timeout_ms, d.max_attempts,
        d.initial_backoff_ms, d.max_backoff_ms, d.unique_key, d.schedule, d.traceparent
      from json_to_recordset(${JSON.stringify(records)}::json) as r (
        id uuid, project text, state text, run_at timestamptz, created_at timestamptz, weight int, definition json
      )
      cross join lateral json_to_record(r.definition) as d (
        type text, priority smallint, payload json, labels json, schedule_at timestamptz, deadline_at timestamptz,
        attempt_timeout_ms int, max_attempts int, initial_backoff_ms int, max_backoff_ms int, unique_key text, schedule text,
        traceparent text
      )
    ), written as (
      insert into tasks (
        id, project, type, state, priority, payload, labels, weight, schedule_at, run_at, deadline_at, attempt_timeout_ms,
        max_attempts, initial_backoff_ms, max_backoff_ms, attempt, fence, unique_key, progress_percent, progress_message,
        schedule, traceparent, version, created_at
      )
      select id, project, type, state, priority, payload, labels, weight, schedule_at, run_at, deadline_at, attempt_timeout_ms,
        max_attempts, initial_backoff_ms, max_backoff_ms, 0, 0, unique_key, 0, '', schedule, traceparent, 1, created_at
      from given
    )
    insert into task_events (task_id, sequence, state, at, attempt, fence, detail)
    select id, 1, state, created_at, 0, 0, definition from given`;
}

/** Writes transitions of locked tasks: rows and events, in one round trip. */
export async function saveChanges(sql: TransactionSql, changes: readonly TaskChange[]): Promise<void> {
  const ended = changes.filter(({ after }) => isEnded(after.state));
  const live = changes.filter(({ after }) => !isEnded(after.state));
  const [moved, kept] = await Promise.all([
    ended.length === 0 ? 0 : moveEnded(sql, ended),
    live.length === 0 ? 0 : updateLive(sql, live),
    insertEvents(sql, changes),
  ]);
  // The rows were locked and read by this transaction, so that each is as it was; anything else is a defect, and rolls
  // back.
  if (moved !== ended.length || kept !== live.length) throw new Error('A locked task was not as it had been read.');
}

async function moveEnded(sql: TransactionSql, changes: readonly TaskChange[]): Promise<number> {
  const { count } = await sql`
    with gone as (
      delete from tasks t
      using json_to_recordset(${JSON.stringify(changes.map(changeRecord))}::json) ${sql.unsafe(CHANGE_RECORD)}
      where t.id = c.id and t.version = c.version - 1
      returning ${sql.unsafe(GONE_COLUMNS)}
    ), freed as (
      delete from task_unique_keys k
      using gone
      where k.project = gone.project and k.type = gone.type and k.unique_key = gone.unique_key and k.task_id = gone.id
    )
    insert into finished_tasks (${sql.unsafe(FINISHED_COLUMNS)})
    select ${sql.unsafe(FINISHED_COLUMNS)} from gone`;
  return count;
}

async function updateLive(sql: TransactionSql, changes: readonly TaskChange[]): Promise<number> {
  const { count } = await sql`
    update tasks t
    set state = c.state,
      run_at = c.run_at,
      fence = c.fence,
      ended_fence = c.ended_fence,
      lease_ms = null,
      lease_expires_at = null,
      last_error_reason = c.last_error_reason,
      last_error_message = c.last_error_message,
      version = c.version
    from json_to_recordset(${JSON.stringify(changes.map(changeRecord))}::json) ${sql.unsafe(CHANGE_RECORD)}
    where t.id = c.id and t.version = c.version - 1`;
  return count;
}

async function insertEvents(sql: TransactionSql, changes: readonly TaskChange[]): Promise<void> {
  await sql`
    insert into task_events (
      task_id, sequence, state, at, attempt, fence, worker, error_reason, error_message, detail
    )
    select task_id, sequence, state, at, attempt, fence, worker, error_reason, error_message, detail
    from json_to_recordset(${JSON.stringify(changes.map(eventRecord))}::json) as e (
      task_id uuid, sequence int, state text, at timestamptz, attempt int, fence bigint, worker text, error_reason text,
      error_message text, detail json
    )`;
}
