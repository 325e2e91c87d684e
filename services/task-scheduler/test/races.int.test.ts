import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { type LeasedTask, TaskState } from '@cert-tasks/contracts/task/v1';
import { createDatabase } from '@cert-tasks/db';
import { testLog, waitFor } from '@cert-tasks/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Scheduler, type SchedulerGround, schedulerGround, taskOf } from './scheduler.ts';

const TASKS = 2_000;
const WORKERS = 8;
const TYPE = 'race';

let ground: SchedulerGround;
let schedulers: readonly [Scheduler, Scheduler];

beforeAll(async () => {
  ground = await schedulerGround();
  schedulers = await Promise.all([ground.startScheduler(), ground.startScheduler()]);
});

afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
});

/** What became of every word that workers said. */
interface Ledger {
  /** Accepted ends by task. */
  readonly ended: Map<string, number>;
  /** Refused as stale. */
  stale: number;
  /** Tasks dropped by workers that crashed. */
  dropped: number;
}

/** Says the last word on a task, to whichever scheduler; a refusal by the fence is noted, anything else is an error. */
async function settle(ledger: Ledger, leased: LeasedTask, how: 'complete' | 'fail'): Promise<void> {
  const { worker } = pick().internal;
  const { name } = taskOf(leased);
  const { fence } = leased;
  try {
    if (how === 'fail') await worker.failTask({ name, fence, reason: 'FLAKY' });
    else {
      await worker.completeTask({ name, fence, result: { by: String(fence) } });
      ledger.ended.set(name, (ledger.ended.get(name) ?? 0) + 1);
      // The same word again, to the other scheduler perhaps, changes nothing.
      if (Math.random() < 0.1) await pick().internal.worker.completeTask({ name, fence, result: { by: 'again' } });
    }
  } catch (error) {
    if ((error as { reason?: string }).reason !== 'FENCE_STALE') throw error;
    ledger.stale += 1;
  }
}

function pick(): Scheduler {
  return schedulers[Math.random() < 0.5 ? 0 : 1];
}

/**
 * Works until told to stop; now and then it crashes with what it holds, and some of that it tries to deliver long
 * after its lease.
 */
async function work(ledger: Ledger, name: string, done: AbortSignal): Promise<void> {
  const late: { readonly at: number; readonly leased: LeasedTask }[] = [];
  const deliver = async (now: number): Promise<void> => {
    for (let next = late[0]; next !== undefined && next.at <= now; next = late[0]) {
      late.shift();
      await settle(ledger, next.leased, 'complete');
    }
  };
  while (!done.aborted) {
    const { tasks } = await pick().internal.worker.leaseTasks({
      parent: 'projects/-',
      worker: name,
      types: [TYPE],
      maxTasks: 1 + Math.floor(Math.random() * 25),
      leaseDuration: durationFromMs(2_000),
      wait: durationFromMs(300),
    });
    if (Math.random() < 0.15) {
      ledger.dropped += tasks.length;
      for (const leased of tasks.slice(0, 3)) late.push({ at: performance.now() + 3_200, leased });
    } else {
      await Promise.all(tasks.map((leased) => settle(ledger, leased, Math.random() < 0.05 ? 'fail' : 'complete')));
    }
    await deliver(performance.now());
  }
  await deliver(Number.POSITIVE_INFINITY);
}

test(`${TASKS} tasks, ${WORKERS} workers that crash, two schedulers: each task ends once`, {
  timeout: 120_000,
}, async () => {
  const retryPolicy = { maxAttempts: 100, initialBackoff: durationFromMs(1), maxBackoff: durationFromMs(50) };
  const made = await Promise.all(
    Array.from({ length: TASKS }, (_, i) =>
      pick().create({ type: TYPE, payload: { i }, retryPolicy, requestId: `race-${i}` }),
    ),
  );
  const ledger: Ledger = { ended: new Map(), stale: 0, dropped: 0 };
  const done = new AbortController();
  const workers = Array.from({ length: WORKERS }, (_, i) => work(ledger, `worker-${i}`, done.signal));
  const stopped = Promise.all(workers);
  await Promise.race([
    stopped,
    waitFor(
      async () => {
        const [row] = await ground.owner.sql<{ left: number }[]>`select count(*)::int as left from tasks`;
        return row?.left === 0;
      },
      { timeoutMs: 90_000, what: 'the last task to end' },
    ),
  ]);
  done.abort();
  await stopped;

  // Each task ended once, by a word that was accepted, and by no other.
  expect(ledger.ended.size).toBe(TASKS);
  expect([...ledger.ended.values()].filter((times) => times !== 1)).toEqual([]);
  expect(new Set(ledger.ended.keys())).toEqual(new Set(made.map(({ name }) => name)));
  const [rows] = await ground.owner.sql<{ finished: number; completed: number; doubled: number }[]>`
      select count(*)::int as finished, count(*) filter (where state = 'completed')::int as completed,
        (select count(*)::int from (
          select task_id from task_events where state in ('completed', 'failed', 'cancelled', 'dead') group by task_id having count(*) > 1
        ) as d) as doubled
      from finished_tasks`;
  expect(rows).toEqual({ finished: TASKS, completed: TASKS, doubled: 0 });
  // What was to be provoked was provoked.
  expect(ledger.dropped).toBeGreaterThan(0);
  expect(ledger.stale).toBeGreaterThan(0);
  // And the history of every one of them adds up to its row.
  expect(await ground.historyBreaches()).toEqual([]);
});

test('cancelling races with completing: one of them wins, and the other is told', async () => {
  const tasks = await Promise.all(Array.from({ length: 60 }, () => schedulers[0].create({ type: 'duel' })));
  const { tasks: leased } = await schedulers[0].internal.worker.leaseTasks({
    parent: 'projects/-',
    worker: 'w',
    types: ['duel'],
    maxTasks: 60,
  });
  const operator = await schedulers[1].as({ sub: 'olga', roles: { acme: ['operator'] } });
  const outcomes = await Promise.all(
    leased.map(async (each) => {
      const { name } = taskOf(each);
      const [completed, cancelled] = await Promise.allSettled([
        schedulers[0].internal.worker.completeTask({ name, fence: each.fence }),
        operator.tasks.cancelTask({ name }),
      ]);
      const { state } = taskOf(await schedulers[1].internal.tasks.getTask({ name }));
      expect(state).toBe(completed.status === 'fulfilled' ? TaskState.COMPLETED : TaskState.CANCELLED);
      if (completed.status === 'fulfilled') expect(cancelled).toMatchObject({ reason: { reason: 'TASK_ENDED' } });
      else expect(completed).toMatchObject({ reason: { reason: 'FENCE_STALE' } });
      return state;
    }),
  );
  expect(outcomes).toHaveLength(tasks.length);
  expect(await ground.historyBreaches()).toEqual([]);
});

test('a row that was changed behind the history is found', async () => {
  const task = await schedulers[0].create({ type: 'tampered' });
  const id = task.name.split('/')[3] ?? '';
  expect(await ground.historyBreaches()).toEqual([]);
  await ground.owner.sql`update tasks set priority = 3 where id = ${id}`;
  expect(await ground.historyBreaches()).toMatchObject([
    { task: task.name, problem: expect.stringContaining('definition') },
  ]);
  await ground.owner.sql`update tasks set priority = 1, attempt = 1 where id = ${id}`;
  expect(await ground.historyBreaches()).toMatchObject([
    { task: task.name, problem: expect.stringContaining('sum of its events') },
  ]);
  await ground.owner.sql`delete from tasks where id = ${id}`;
  expect(await ground.historyBreaches()).toMatchObject([{ task: id }]);
});

test('the runtime role cannot rewrite history', async () => {
  const app = createDatabase({
    url: ground.database.appUrl,
    schema: 'task',
    applicationName: 'test',
    maxConnections: 1,
    log: testLog().log,
    statementTimeoutMs: 5_000,
  });
  const denied = { code: '42501' };
  await expect(app.sql`update task_events set attempt = 9`).rejects.toMatchObject(denied);
  await expect(app.sql`delete from task_events`).rejects.toMatchObject(denied);
  await expect(app.sql`update finished_tasks set state = 'dead'`).rejects.toMatchObject(denied);
  await expect(app.sql`delete from finished_tasks`).rejects.toMatchObject(denied);
  await expect(app.sql`update tasks set payload = '{}'`).rejects.toMatchObject(denied);
  await app.stop();
});
