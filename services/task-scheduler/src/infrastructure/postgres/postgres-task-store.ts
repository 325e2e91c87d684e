import { PG_OID, type TransactionSql, type Tx } from '@cert-tasks/db';
import type {
  ClaimedTask,
  ClaimQuery,
  Heartbeat,
  LockedTask,
  NewTask,
  TaskChange,
  TaskStore,
  UniqueKeyClaim,
} from '../../application/ports/task-store.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Task, TaskRef } from '../../domain/task.ts';
import { claimTasks } from './claim-tasks.ts';
import { findTasks } from './find-tasks.ts';
import { insertTasks, saveChanges } from './save-tasks.ts';
import { lockedTaskFromRow, TASK_COLUMNS, type TaskRow, taskFromRow } from './task-rows.ts';

/** A key may be given back between two looks at it; then it is tried for again. */
const MAX_KEY_ATTEMPTS = 5;

const LOCKED_COLUMNS = TASK_COLUMNS.map((column) => `t.${column}`).join(', ');

/** Tasks in PostgreSQL, in one transaction. */
export class PostgresTaskStore implements TaskStore {
  readonly #sql: TransactionSql;

  constructor(tx: Tx) {
    this.#sql = tx.sql;
  }

  async insert(tasks: readonly NewTask[]): Promise<void> {
    if (tasks.length > 0) await insertTasks(this.#sql, tasks);
  }

  async reserveUniqueKeys(claims: readonly UniqueKeyClaim[]): Promise<ReadonlyMap<string, string>> {
    const holders = new Map<string, string>();
    let open = claims;
    for (let attempt = 1; open.length > 0; attempt++) {
      if (attempt > MAX_KEY_ATTEMPTS) throw keysChangeHands();
      const refused = await this.#insertKeys(open);
      for (const [id, holder] of await this.#readHolders(refused)) holders.set(id, holder);
      open = refused.filter(({ id }) => !holders.has(id));
    }
    return holders;
  }

  claim(query: ClaimQuery): Promise<{ readonly claimed: readonly ClaimedTask[]; readonly more: boolean }> {
    return claimTasks(this.#sql, query);
  }

  async heartbeat(beats: readonly Heartbeat[]): Promise<readonly (Date | undefined)[]> {
    // Of two signs under one fence the later one counts; both get its answer.
    const latest = new Map(beats.map((beat) => [beatKey(beat), beat]));
    const records = [...latest.values()].map(({ id, project, fence, progress }) => ({
      id,
      project,
      fence: fence.toString(),
      percent: progress.percent,
      message: progress.message,
    }));
    const rows = await this.#sql<{ id: string; fence: bigint; lease_expires_at: Date }[]>`
      with held as materialized (
        select t.id, b.percent, b.message
        from json_to_recordset(${JSON.stringify(records)}::json) as b (
          id uuid, project text, fence bigint, percent smallint, message text
        )
        join tasks t on t.id = b.id
        where t.project = b.project and t.fence = b.fence and t.state = 'running'
        order by t.id
        for update of t
      )
      update tasks t
      set lease_expires_at = least(
          date_trunc('milliseconds', statement_timestamp()) + t.lease_ms * interval '1 millisecond',
          t.started_at + t.attempt_timeout_ms * interval '1 millisecond',
          t.deadline_at
        ),
        progress_percent = held.percent,
        progress_message = held.message
      from held
      where t.id = held.id
      returning t.id, t.fence, t.lease_expires_at`;
    const ends = new Map(rows.map((row) => [beatKey(row), row.lease_expires_at]));
    return beats.map((beat) => ends.get(beatKey(beat)));
  }

  async lock(refs: readonly TaskRef[]): Promise<ReadonlyMap<string, LockedTask>> {
    const ids = refs.map(({ id }) => id);
    const projects = refs.map(({ project }) => project);
    const rows = await this.#sql<TaskRow[]>`
      select ${this.#sql.unsafe(LOCKED_COLUMNS)}
      from unnest(
        ${this.#sql.array(ids, PG_OID.uuid)}::uuid[], ${this.#sql.array(projects, PG_OID.text)}::text[]
      ) as w (id, project)
      join tasks t on t.id = w.id and t.project = w.project
      order by t.id
      for update of t`;
    return new Map(rows.map((row) => [row.id, lockedTaskFromRow(row)]));
  }

  async lockExpired({ now, limit }: { readonly now: Date; readonly limit: number }): Promise<readonly LockedTask[]> {
    const [leases, deadlines] = await Promise.all([
      this.#sql<TaskRow[]>`
        select ${this.#sql.unsafe(LOCKED_COLUMNS)} from tasks t
        where t.state = 'running' and t.lease_expires_at <= ${now}
        order by t.lease_expires_at
        limit ${limit}
        for update skip locked`,
      this.#sql<TaskRow[]>`
        select ${this.#sql.unsafe(LOCKED_COLUMNS)} from tasks t
        where t.state in ('scheduled', 'pending', 'retrying') and t.deadline_at is not null and t.deadline_at <= ${now}
        order by t.deadline_at
        limit ${limit}
        for update skip locked`,
    ]);
    return [...leases, ...deadlines].map(lockedTaskFromRow);
  }

  async save(changes: readonly TaskChange[]): Promise<void> {
    await saveChanges(this.#sql, changes);
  }

  async find(refs: readonly TaskRef[]): Promise<ReadonlyMap<string, Task>> {
    const rows = await findTasks(this.#sql, refs);
    return new Map(rows.map((row) => [row.id, taskFromRow(row)]));
  }

  /**
   * @returns those whose key another task has. In order of the keys, so that two transactions cannot wait for each
   * other in a circle.
   */
  async #insertKeys(claims: readonly UniqueKeyClaim[]): Promise<readonly UniqueKeyClaim[]> {
    const rows = await this.#sql<{ task_id: string }[]>`
      insert into task_unique_keys (project, type, unique_key, task_id)
      select project, type, unique_key, task_id
      from json_to_recordset(${JSON.stringify(claims.map(keyRecord))}::json) as c (
        project text, type text, unique_key text, task_id uuid
      )
      order by project, type, unique_key
      on conflict do nothing
      returning task_id`;
    const reserved = new Set(rows.map((row) => row.task_id));
    return claims.filter(({ id }) => !reserved.has(id));
  }

  /** @returns the holder of each key, by the id of the task that wants it. */
  async #readHolders(claims: readonly UniqueKeyClaim[]): Promise<ReadonlyMap<string, string>> {
    if (claims.length === 0) return new Map();
    const rows = await this.#sql<{ task_id: string; holder: string }[]>`
      select c.task_id, k.task_id as holder
      from json_to_recordset(${JSON.stringify(claims.map(keyRecord))}::json) as c (
        project text, type text, unique_key text, task_id uuid
      )
      join task_unique_keys k on k.project = c.project and k.type = c.type and k.unique_key = c.unique_key`;
    return new Map(rows.map((row) => [row.task_id, row.holder]));
  }
}

function keyRecord({ id, project, type, uniqueKey }: UniqueKeyClaim) {
  return { project, type, unique_key: uniqueKey, task_id: id };
}

function beatKey({ id, fence }: { readonly id: string; readonly fence: bigint }): string {
  return `${id}/${fence}`;
}

function keysChangeHands(): SchedulerError {
  return new SchedulerError('unique-key-taken', 'The unique key passes from task to task. Try again in a moment.', {
    field: 'unique_key',
    retryAfterMs: 1_000,
  });
}
