import { PG_OID, type TransactionSql } from '@cert-tasks/db';
import type { ClaimedTask, ClaimQuery } from '../../application/ports/task-store.ts';
import { MAX_ANSWER_WEIGHT } from './answer-weight.ts';
import { TASK_COLUMNS, type TaskRow, taskFromRow } from './task-rows.ts';

const CLAIMED_COLUMNS = TASK_COLUMNS.map((column) => `t.${column}`).join(', ');

interface ClaimRow extends TaskRow {
  /** How many rows were locked for this claim. */
  readonly picked: number;
}

/**
 * Claims, leases and logs in one statement; see TaskStore.claim.
 *
 * Each type and priority is read by itself, since only then is the index in the order of the claim: a task of high
 * priority that is due next week would otherwise be stepped over by every claim until then. `due` looks without
 * locking at how many of each are to be taken, so that `picked` locks no more than that, and others that claim at the
 * same moment find the rest.
 */
export async function claimTasks(
  sql: TransactionSql,
  query: ClaimQuery,
): Promise<{ readonly claimed: readonly ClaimedTask[]; readonly more: boolean }> {
  const { limit, leaseMs, worker, project } = query;
  const types = [...new Set(query.types)];
  const inProject = project === undefined ? sql`` : sql`and t.project = ${project}`;
  const claimable = sql`
    t.state in ('scheduled', 'pending', 'retrying') and t.run_at <= statement_timestamp()
    and (t.deadline_at is null or t.deadline_at > statement_timestamp()) ${inProject}`;
  const rows = await sql<ClaimRow[]>`
    with due as (
      select first.type, first.priority, count(*)::int as take
      from (
        select c.type, c.priority
        from unnest(${sql.array(types, PG_OID.text)}::text[]) as wanted (type)
        cross join (values (3::smallint), (2::smallint), (1::smallint), (0::smallint)) as level (priority)
        cross join lateral (
          select t.type, t.priority, t.run_at, t.id
          from tasks t
          where t.type = wanted.type and t.priority = level.priority and ${claimable}
          order by t.run_at, t.id
          limit ${limit}::int
        ) as c
        order by c.priority desc, c.run_at, c.id
        limit ${limit}::int
      ) as first
      group by first.type, first.priority
    ), picked as materialized (
      select l.id, l.priority, l.run_at, l.weight
      from due
      cross join lateral (
        select t.id, t.priority, t.run_at, t.weight
        from tasks t
        where t.type = due.type and t.priority = due.priority and ${claimable}
        order by t.run_at, t.id
        limit due.take
        for update skip locked
      ) as l
    ), fitting as (
      select id from (
        select id, sum(weight) over (order by priority desc, run_at, id) - weight as before from picked
      ) as weighed
      where before < ${MAX_ANSWER_WEIGHT}::int
    ), claimed as (
      update tasks t
      set state = 'running',
        attempt = t.attempt + 1,
        fence = t.fence + 1,
        version = t.version + 1,
        lease_worker = ${worker},
        lease_ms = ${leaseMs}::int,
        lease_expires_at = least(
          moment.now + ${leaseMs}::int * interval '1 millisecond',
          moment.now + t.attempt_timeout_ms * interval '1 millisecond',
          t.deadline_at
        ),
        started_at = moment.now,
        progress_percent = 0,
        progress_message = ''
      from fitting
      cross join (select date_trunc('milliseconds', statement_timestamp()) as now) as moment
      where t.id = fitting.id
      returning ${sql.unsafe(CLAIMED_COLUMNS)}
    ), logged as (
      insert into task_events (task_id, sequence, state, at, attempt, fence, worker)
      select id, version, state, started_at, attempt, fence, lease_worker from claimed
    )
    select claimed.*, (select count(*)::int from picked) as picked
    from claimed
    order by priority desc, run_at, id`;
  const claimed = rows.map((row) => claimedTask(row, query));
  return { claimed, more: claimed.length >= limit || claimed.length < (rows[0]?.picked ?? 0) };
}

function claimedTask(row: ClaimRow, { worker }: ClaimQuery): ClaimedTask {
  const task = taskFromRow(row);
  const { version: sequence, startedAt: at = task.life.runAt, attempt, fence, runAt } = task.life;
  return {
    task,
    leaseExpiresAt: row.lease_expires_at ?? at,
    event: { sequence, at, attempt, fence, state: 'running', worker },
    waitedMs: Math.max(0, at.getTime() - runAt.getTime()),
  };
}
