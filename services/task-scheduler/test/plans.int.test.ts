import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { sleep } from '@cert-tasks/kernel';
import { waitFor } from '@cert-tasks/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scheduler, type SchedulerGround, schedulerGround, taskOf } from './scheduler.ts';

const TASKS = 20_000;
const TYPE = 'planned';

let ground: SchedulerGround;
let scheduler: Scheduler;

beforeAll(async () => {
  ground = await schedulerGround();
  scheduler = await ground.startScheduler({ sampleIntervalMs: 600_000, expireIntervalMs: 100, planIntervalMs: 100 });
});

afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
});

interface Reads {
  readonly seqScans: number;
  readonly indexRows: number;
}

/** What has been read of the tables so far, as far as the sessions have reported it. */
async function reads(): Promise<Reads> {
  const [row] = await ground.owner.sql<{ seq_scans: bigint; index_rows: bigint }[]>`
    select
      (select sum(seq_scan)::int8 from pg_stat_user_tables where relname in ('tasks', 'task_unique_keys')) as seq_scans,
      (select sum(idx_tup_read)::int8 from pg_stat_user_indexes where relname in ('tasks', 'task_unique_keys')) as index_rows`;
  return { seqScans: Number(row?.seq_scans ?? 0), indexRows: Number(row?.index_rows ?? 0) };
}

/** The same once no session has anything more to report: they do it at most a second after their work. */
async function settledReads(): Promise<Reads> {
  let last = await reads();
  await waitFor(
    async () => {
      await sleep(1_200);
      const now = await reads();
      const settled = now.seqScans === last.seqScans;
      last = now;
      return settled;
    },
    { what: 'the statistics of what went before' },
  );
  return last;
}

async function updates(): Promise<number> {
  const [row] = await ground.owner.sql<{ updated: bigint }[]>`
    select n_tup_upd as updated from pg_stat_user_tables where relname = 'tasks'`;
  return Number(row?.updated ?? 0);
}

/** Everything hot: create, claim, heartbeat, fail, complete, cancel, and the loops beside it. */
async function cycle(): Promise<void> {
  const { worker } = scheduler.internal;
  await Promise.all(
    Array.from({ length: 5 }, (_, i) => scheduler.create({ type: TYPE, uniqueKey: `k-${i}-${Math.random()}` })),
  );
  const { tasks } = await worker.leaseTasks({
    parent: 'projects/-',
    worker: 'w',
    types: [TYPE, 'another'],
    maxTasks: 10,
  });
  const { tasks: own } = await worker.leaseTasks({
    parent: 'projects/acme',
    worker: 'w',
    types: [TYPE],
    maxTasks: 2,
    leaseDuration: durationFromMs(2_000),
  });
  const heartbeats = [...tasks, ...own].map((leased) => ({ name: taskOf(leased).name, fence: leased.fence }));
  if (heartbeats.length > 0) await worker.heartbeatTasks({ parent: 'projects/-', heartbeats });
  await Promise.all(
    tasks.map((leased, i) => {
      const last = { name: taskOf(leased).name, fence: leased.fence };
      return i % 3 === 0 ? worker.failTask({ ...last, reason: 'AGAIN' }) : worker.completeTask(last);
    }),
  );
  await scheduler.cancel(await scheduler.create({ type: 'unwanted', uniqueKey: `c-${Math.random()}` }));
}

test('statements keep to their indexes, even with plans and statistics from when the table was empty', async () => {
  const { sql } = ground.owner;
  // 1. Statistics of empty tables, frozen; and statements planned with them, more often than the server plans anew.
  for (const table of ['tasks', 'task_unique_keys'])
    await sql.unsafe(`alter table ${table} set (autovacuum_enabled = off)`);
  await sql`analyze tasks, task_unique_keys`;
  for (let i = 0; i < 12; i++) await Promise.all([cycle(), cycle()]);
  // 2. A backlog.
  await sql`
    insert into tasks (
      id, project, type, state, priority, payload, labels, weight, run_at, attempt_timeout_ms, max_attempts, initial_backoff_ms,
      max_backoff_ms, attempt, fence, progress_percent, progress_message, version, created_at
    )
    select gen_random_uuid(), 'acme', ${TYPE}, 'pending', i % 4, '{}', '{}', 300, now(), 60000, 5, 1000, 60000, 0, 0, 0, '', 1, now()
    from generate_series(1, ${TASKS}) as i`;
  const before = { ...(await settledReads()), updates: await updates() };
  // 3. The same work again. Sessions report what they read when they are idle.
  for (let i = 0; i < 12; i++) await Promise.all([cycle(), cycle()]);
  await waitFor(async () => (await updates()) - before.updates >= 24 * 10, { what: 'the statistics to be reported' });
  const after = await reads();
  expect(after.seqScans - before.seqScans).toBe(0);
  // Each scan of a whole index would read them all.
  expect(after.indexRows - before.indexRows).toBeLessThan(TASKS);
});
