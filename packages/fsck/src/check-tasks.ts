import type { Breach } from './breach.ts';
import type { CheckInput } from './check.ts';

/** A task ends exactly once (DESIGN 3.4), and its row is the sum of its events. */
export async function* checkTasks({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  const both = await sql<
    { project: string; id: string }[]
  >`select t.project, t.id from task.tasks t join task.finished_tasks f on f.id = t.id`;
  for (const { project, id } of both)
    yield { invariant: 'task-live-and-ended', subject: taskName(project, id), detail: 'it is both' };

  const differing = await sql<
    {
      project: string;
      id: string;
      state: string;
      version: number;
      lastState: string | null;
      ends: bigint;
      count: bigint;
    }[]
  >`
    with all_tasks as (
      select id, project, state, version, false as ended from task.tasks
      union all select id, project, state, version, true from task.finished_tasks
    )
    select t.project, t.id, t.state, t.version, last.state as "lastState", e.ends, e.count
    from all_tasks t
    cross join lateral (
      select count(*) as count, max(sequence) as greatest, count(*) filter (where state in ('completed', 'failed', 'cancelled', 'dead')) as ends
      from task.task_events where task_id = t.id
    ) e
    left join task.task_events last on last.task_id = t.id and last.sequence = t.version
    where last.state is distinct from t.state or e.count <> t.version or e.greatest <> t.version or e.ends <> (case when t.ended then 1 else 0 end)`;
  for (const { project, id, state, version, lastState, ends, count } of differing) {
    yield {
      invariant: 'task-history',
      subject: taskName(project, id),
      detail: `it is ${state} after ${version} events; its history has ${count}, the last ${lastState ?? 'missing'}, with ${ends} ends`,
    };
  }

  const orphans = await sql<{ id: string }[]>`
    select distinct e.task_id as id from task.task_events e
    where not exists (select from task.tasks t where t.id = e.task_id) and not exists (select from task.finished_tasks f where f.id = e.task_id)`;
  for (const { id } of orphans)
    yield { invariant: 'task-missing', subject: `task ${id}`, detail: 'it has a history and no row' };

  const keys = await sql<{ id: string; key: string }[]>`
    select k.task_id as id, k.unique_key as key from task.task_unique_keys k
    where not exists (select from task.tasks t where t.id = k.task_id and t.unique_key = k.unique_key and t.type = k.type and t.project = k.project)`;
  for (const { id, key } of keys)
    yield { invariant: 'unique-key-leaked', subject: `task ${id}`, detail: `key ${key} is held by no live task` };

  const stuck = await sql<{ project: string; id: string }[]>`
    select project, id from task.tasks
    where state = 'running' and lease_expires_at < clock_timestamp() - greatest(${settleSeconds}::int, 30) * interval '1 second'`;
  for (const { project, id } of stuck)
    yield {
      invariant: 'lease-not-expired',
      subject: taskName(project, id),
      detail: 'its lease ran out and nobody took it back',
    };

  const occurrences = await sql<{ schedule: string; planned: Date }[]>`
    select o.schedule_id as schedule, o.planned_at as planned from task.schedule_occurrences o
    where o.task_id is not null and not exists (select from task.tasks t where t.id = o.task_id)
      and not exists (select from task.finished_tasks f where f.id = o.task_id)`;
  for (const { schedule, planned } of occurrences) {
    yield {
      invariant: 'occurrence-without-task',
      subject: `schedule ${schedule}`,
      detail: `planned at ${planned.toISOString()}`,
    };
  }
}

function taskName(project: string, id: string): string {
  return `projects/${project}/tasks/${id}`;
}
