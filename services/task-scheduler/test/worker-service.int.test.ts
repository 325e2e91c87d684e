import { durationFromMs, timestampFromDate, timestampMs } from '@bufbuild/protobuf/wkt';
import { Secret } from '@cert-tasks/config';
import { type LeasedTask, type Task, TaskPriority, TaskState } from '@cert-tasks/contracts/task/v1';
import { sharedTestNats, waitFor } from '@cert-tasks/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Scheduler, type SchedulerGround, schedulerGround, taskOf } from './scheduler.ts';

let ground: SchedulerGround;
let scheduler: Scheduler;

beforeAll(async () => {
  ground = await schedulerGround();
  scheduler = await ground.startScheduler();
});

afterEach(async () => {
  expect(await ground.historyBreaches()).toEqual([]);
});

afterAll(async () => {
  await ground?.[Symbol.asyncDispose]();
});

const inMs = (ms: number) => timestampFromDate(new Date(Date.now() + ms));
const STALE = { rpcCode: 'FAILED_PRECONDITION', reason: 'FENCE_STALE' };

interface LeaseOptions {
  readonly max?: number;
  readonly waitMs?: number;
  readonly leaseMs?: number;
  readonly on?: Scheduler;
}

async function lease(type: string, options: LeaseOptions = {}): Promise<LeasedTask[]> {
  const { max = 10, waitMs = 0, leaseMs = 30_000, on = scheduler } = options;
  const { tasks } = await on.internal.worker.leaseTasks({
    parent: 'projects/-',
    worker: 'w-1',
    types: [type],
    maxTasks: max,
    leaseDuration: durationFromMs(leaseMs),
    wait: durationFromMs(waitMs),
  });
  return tasks;
}

async function leaseOne(
  type: string,
  options: LeaseOptions = {},
): Promise<{ name: string; fence: bigint; leased: LeasedTask }> {
  const [leased] = await lease(type, { waitMs: 5_000, ...options, max: 1 });
  if (leased === undefined) throw new Error(`no task of type ${type} to lease`);
  return { name: taskOf(leased).name, fence: leased.fence, leased };
}

async function get(name: string) {
  return taskOf(await scheduler.internal.tasks.getTask({ name }));
}

describe('leasing', () => {
  test('takes the highest priority first, then the longest due, and no more than asked for', async () => {
    const type = 'order';
    const made: Task[] = [];
    for (const priority of [
      TaskPriority.NORMAL,
      TaskPriority.LOW,
      TaskPriority.CRITICAL,
      TaskPriority.NORMAL,
      TaskPriority.HIGH,
    ]) {
      made.push(await scheduler.create({ type, priority }));
    }
    const order = [2, 4, 0, 3, 1].map((i) => made[i]?.name);
    const taken = [...(await lease(type, { max: 2 })), ...(await lease(type, { max: 10 }))];
    expect(taken.map((each) => taskOf(each).name)).toEqual(order);
    expect(await lease(type)).toEqual([]);
  });

  test('steps over tasks of high priority that are not due', async () => {
    const type = 'shadow';
    for (let i = 0; i < 5; i++)
      await scheduler.create({ type, priority: TaskPriority.CRITICAL, scheduleTime: inMs(60_000) });
    const due = await scheduler.create({ type, priority: TaskPriority.LOW });
    expect((await lease(type, { max: 3 })).map((each) => taskOf(each).name)).toEqual([due.name]);
  });

  test('gives a fence, a lease by the clock of the database, and what the task is', async () => {
    const created = await scheduler.create({ type: 'lease', payload: { a: [1] } });
    const { leased } = await leaseOne('lease', { leaseMs: 5_000 });
    expect(leased.fence).toBe(1n);
    expect(leased.task).toMatchObject({
      name: created.name,
      payload: { a: [1] },
      state: TaskState.RUNNING,
      attempt: 1,
      worker: 'w-1',
    });
    const [{ now } = { now: new Date(0) }] = await ground.owner.sql<{ now: Date }[]>`select clock_timestamp() as now`;
    const left = timestampMs(leased.leaseExpireTime ?? inMs(0)) - now.getTime();
    expect(left).toBeGreaterThan(3_000);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  test('bounds an answer by the size of its tasks and leaves the rest for the next', async () => {
    const text = 'x'.repeat(60_000);
    await Promise.all(Array.from({ length: 15 }, () => scheduler.create({ type: 'large', payload: { text } })));
    const first = await lease('large', { max: 100 });
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(15);
    expect(first.length + (await lease('large', { max: 100 })).length).toBe(15);
  });

  test('refuses what cannot be and names the field', async () => {
    const request = { parent: 'projects/-', worker: 'w', types: ['noop'], maxTasks: 1 };
    for (const [field, fields] of [
      ['worker', { worker: 'a\nb' }],
      ['worker', { worker: '' }],
      ['types', { types: [] }],
      ['max_tasks', { maxTasks: 0 }],
      ['lease_duration', { leaseDuration: durationFromMs(1_999) }],
      ['wait', { wait: durationFromMs(20_001) }],
      ['parent', { parent: 'projects/UPPER' }],
    ] as const) {
      const refused = scheduler.internal.worker.leaseTasks({
        ...request,
        ...fields,
        types: [...(fields.types ?? request.types)],
      });
      await expect(refused, field).rejects.toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field });
    }
  });
});

describe('waiting for work', () => {
  test('ends with the task that is created meanwhile, at once', async () => {
    const waiting = leaseOne('wake', { waitMs: 10_000 });
    await scheduler.create({ type: 'unrelated' });
    const began = performance.now();
    const created = await scheduler.create({ type: 'wake' });
    expect((await waiting).name).toBe(created.name);
    expect(performance.now() - began).toBeLessThan(400);
  });

  test('gives two tasks to two of many waiters, none twice', async () => {
    const waiting = Array.from({ length: 6 }, () => lease('herd', { waitMs: 2_500, max: 1 }));
    const made = await Promise.all([scheduler.create({ type: 'herd' }), scheduler.create({ type: 'herd' })]);
    const names = (await Promise.all(waiting)).flat().map((each) => taskOf(each).name);
    expect(names.toSorted()).toEqual(made.map(({ name }) => name).toSorted());
  });

  test('sees within a second what another replica made, without NATS', async () => {
    const other = await ground.startScheduler();
    const waiting = leaseOne('polled', { waitMs: 10_000, on: other });
    const began = performance.now();
    const created = await scheduler.create({ type: 'polled' });
    expect((await waiting).name).toBe(created.name);
    expect(performance.now() - began).toBeLessThan(1_600);
  });

  test('sees at once what another replica made, by a hint over NATS', async () => {
    const target = sharedTestNats();
    const { user, password } = target.credentials('task');
    const nats = { url: target.url, user, password: new Secret(password), replicas: 1 };
    const [one, two] = await Promise.all([ground.startScheduler({ nats }), ground.startScheduler({ nats })]);
    await waitFor(async () => (await Promise.all([one, two].map(natsConnected))).every(Boolean), { what: 'NATS' });
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const waiting = leaseOne('hinted', { waitMs: 10_000, on: two });
      await waitFor(() => isWaiting(two), { what: 'the worker to wait' });
      const began = performance.now();
      const { name } = await one.create({ type: 'hinted' });
      expect((await waiting).name).toBe(name);
      tookMs.push(performance.now() - began);
    }
    // A poll alone takes half a second and more each time.
    expect(tookMs.toSorted((a, b) => a - b)[2]).toBeLessThan(400);
  });

  test('ends when the task comes due', async () => {
    await scheduler.create({ type: 'due', scheduleTime: inMs(700) });
    const { leased } = await leaseOne('due', { waitMs: 10_000 });
    const { startTime, scheduleTime } = taskOf(leased);
    const late = timestampMs(startTime ?? inMs(0)) - timestampMs(scheduleTime ?? inMs(0));
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(1_500);
  });

  test('comes back empty in time: by its own, by the deadline, by the stop of the service', async () => {
    expect(await lease('nothing', { waitMs: 300 })).toEqual([]);
    const request = {
      parent: 'projects/-',
      worker: 'w',
      types: ['nothing'],
      maxTasks: 1,
      wait: durationFromMs(20_000),
    };
    expect((await scheduler.internal.worker.leaseTasks(request, { deadlineMs: 900 })).tasks).toEqual([]);
    const other = await ground.startScheduler();
    const waiting = other.internal.worker.leaseTasks(request, { deadlineMs: 20_000 });
    await waitFor(() => isWaiting(other), { what: 'the worker to wait' });
    const stopped = other.app.stop();
    expect((await waiting).tasks).toEqual([]);
    await stopped;
  });
});

describe('a result', () => {
  test('is taken once, and again under the same fence', async () => {
    await scheduler.create({ type: 'result' });
    const { name, fence } = await leaseOne('result');
    const { worker } = scheduler.internal;
    const done = taskOf(await worker.completeTask({ name, fence, result: { n: 1 } }));
    expect(done).toMatchObject({ state: TaskState.COMPLETED, result: { n: 1 }, etag: '3' });
    expect(taskOf(await worker.completeTask({ name, fence, result: { n: 2 } }))).toEqual(done);
    await expect(worker.failTask({ name, fence, reason: 'LATE' })).rejects.toMatchObject(STALE);
    for (const other of [fence + 1n, fence + 100n]) {
      await expect(worker.completeTask({ name, fence: other })).rejects.toMatchObject(STALE);
    }
    expect(await get(name)).toEqual(done);
  });

  test('of many calls at once is taken once', async () => {
    await scheduler.create({ type: 'doubled' });
    const { name, fence } = await leaseOne('doubled');
    const { worker } = scheduler.internal;
    const answers = await Promise.all(Array.from({ length: 10 }, () => worker.completeTask({ name, fence })));
    expect(new Set(answers.map((answer) => taskOf(answer).etag))).toEqual(new Set(['3']));
  });

  test('that is too large or not to be stored is refused, and may be sent again smaller', async () => {
    await scheduler.create({ type: 'oversized' });
    const { name, fence } = await leaseOne('oversized');
    const { worker } = scheduler.internal;
    for (const result of [{ text: 'x'.repeat(65_536) }, { text: '\u0000' }]) {
      await expect(worker.completeTask({ name, fence, result })).rejects.toMatchObject({
        rpcCode: 'INVALID_ARGUMENT',
        field: 'result',
      });
    }
    expect(taskOf(await worker.completeTask({ name, fence, result: {} })).state).toBe(TaskState.COMPLETED);
  });
});

describe('a failure', () => {
  const retryPolicy = { maxAttempts: 2, initialBackoff: durationFromMs(1), maxBackoff: durationFromMs(1) };

  test('is tried again, a repeat answers as the first time, and the last is the end', async () => {
    await scheduler.create({ type: 'failing', retryPolicy });
    const { worker } = scheduler.internal;
    const first = await leaseOne('failing');
    const failed = { name: first.name, fence: first.fence, reason: 'DOWN', message: 'is down' };
    expect(taskOf(await worker.failTask(failed))).toMatchObject({
      state: TaskState.RETRYING,
      lastError: { reason: 'DOWN', message: 'is down' },
    });
    expect(taskOf(await worker.failTask(failed)).etag).toBe('3');
    await expect(worker.completeTask({ name: first.name, fence: first.fence })).rejects.toMatchObject(STALE);
    const second = await leaseOne('failing');
    expect(second).toMatchObject({ name: first.name, fence: 2n });
    expect(taskOf(await worker.failTask(failed))).toMatchObject({ state: TaskState.RUNNING, etag: '4' });
    const dead = taskOf(await worker.failTask({ ...failed, fence: second.fence }));
    expect(dead).toMatchObject({ state: TaskState.DEAD, attempt: 2, lastError: { reason: 'DOWN' } });
    expect(taskOf(await worker.failTask({ ...failed, fence: second.fence }))).toEqual(dead);
    await expect(worker.failTask(failed)).rejects.toMatchObject(STALE);
  });

  test('for good is not tried again', async () => {
    await scheduler.create({ type: 'final' });
    const { name, fence } = await leaseOne('final');
    const failed = await scheduler.internal.worker.failTask({ name, fence, reason: 'HOPELESS', final: true });
    expect(taskOf(failed)).toMatchObject({ state: TaskState.FAILED, attempt: 1 });
    expect(await lease('final', { waitMs: 300 })).toEqual([]);
  });

  test('waits by its policy', async () => {
    const wait = { maxAttempts: 3, initialBackoff: durationFromMs(60_000), maxBackoff: durationFromMs(60_000) };
    await scheduler.create({ type: 'patient', retryPolicy: wait });
    const { name, fence } = await leaseOne('patient');
    const task = taskOf(await scheduler.internal.worker.failTask({ name, fence, reason: 'DOWN' }));
    const ahead = timestampMs(task.scheduleTime ?? inMs(0)) - Date.now();
    expect(ahead).toBeGreaterThan(-1_000);
    expect(ahead).toBeLessThanOrEqual(60_000);
  });
});

describe('heartbeats', () => {
  test('hold leases on, note progress, and answer each by its own fence', async () => {
    const type = 'beating';
    for (let i = 0; i < 3; i++) await scheduler.create({ type });
    const [a, b, c] = await lease(type, { leaseMs: 3_000 });
    if (a === undefined || b === undefined || c === undefined) throw new Error('three tasks were to be leased');
    await scheduler.cancel(taskOf(c));
    const beat = (leased: LeasedTask, fence = leased.fence) => ({
      name: taskOf(leased).name,
      fence,
      progressPercent: 40,
      progressMessage: 'step 2\u0007',
    });
    const { outcomes } = await scheduler.internal.worker.heartbeatTasks({
      parent: 'projects/-',
      heartbeats: [beat(a), beat(b, b.fence + 1n), beat(c), beat(a)],
    });
    expect(outcomes.map(({ held, reason }) => [held, reason])).toEqual([
      [true, ''],
      [false, 'FENCE_STALE'],
      [false, 'CANCELLED'],
      [true, ''],
    ]);
    expect(timestampMs(outcomes[0]?.leaseExpireTime ?? inMs(0))).toBeGreaterThan(
      timestampMs(a.leaseExpireTime ?? inMs(0)),
    );
    expect(await get(taskOf(a).name)).toMatchObject({
      progressPercent: 40,
      progressMessage: 'step 2\ufffd',
      etag: '2',
    });
    expect((await get(taskOf(b).name)).progressPercent).toBe(0);
  });

  test('keep a task beyond its lease, and end with the timeout of the attempt', async () => {
    await scheduler.create({ type: 'hanging', attemptTimeout: durationFromMs(4_000), retryPolicy: { maxAttempts: 1 } });
    const { name, fence, leased } = await leaseOne('hanging', { leaseMs: 2_000 });
    const began = timestampMs(taskOf(leased).startTime ?? inMs(0));
    const lost = await waitFor(
      async () => {
        const { outcomes } = await scheduler.internal.worker.heartbeatTasks({
          parent: 'projects/acme',
          heartbeats: [{ name, fence }],
        });
        return outcomes[0]?.held === false ? outcomes[0] : undefined;
      },
      { what: 'the attempt to time out' },
    );
    expect(lost.reason).toBe('FENCE_STALE');
    const task = await get(name);
    expect(task).toMatchObject({ state: TaskState.DEAD, lastError: { reason: 'ATTEMPT_TIMEOUT' } });
    const lasted = timestampMs(task.endTime ?? inMs(0)) - began;
    expect(lasted).toBeGreaterThanOrEqual(4_000);
    expect(lasted).toBeLessThan(5_000);
  });

  test('name tasks of the parent only', async () => {
    const heartbeats = [{ name: 'projects/other/tasks/01900000-0000-7000-8000-000000000000', fence: 1n }];
    await expect(
      scheduler.internal.worker.heartbeatTasks({ parent: 'projects/acme', heartbeats }),
    ).rejects.toMatchObject({
      rpcCode: 'INVALID_ARGUMENT',
      field: 'heartbeats[0].name',
    });
  });
});

describe('time', () => {
  test('gives the task of a crashed worker back within its lease and a second; its late result is refused', async () => {
    await scheduler.create({ type: 'crashed' });
    const first = await leaseOne('crashed', { leaseMs: 2_000 });
    const second = await leaseOne('crashed', { waitMs: 10_000 });
    expect(second).toMatchObject({ name: first.name, fence: 3n });
    const took =
      timestampMs(taskOf(second.leased).startTime ?? inMs(0)) - timestampMs(taskOf(first.leased).startTime ?? inMs(0));
    expect(took).toBeGreaterThanOrEqual(2_000);
    expect(took).toBeLessThan(3_000);
    expect(taskOf(second.leased).lastError?.reason).toBe('LEASE_EXPIRED');
    const { worker } = scheduler.internal;
    await expect(worker.completeTask({ name: first.name, fence: first.fence })).rejects.toMatchObject(STALE);
    await expect(worker.failTask({ name: first.name, fence: first.fence, reason: 'LATE' })).rejects.toMatchObject(
      STALE,
    );
    expect(taskOf(await worker.completeTask({ name: first.name, fence: second.fence })).state).toBe(
      TaskState.COMPLETED,
    );
  });

  test('ends tasks whose deadline has passed, waiting or running', async () => {
    const deadlineTime = inMs(1_500);
    const waiting = await scheduler.create({ type: 'too-late', deadlineTime });
    const running = await scheduler.create({ type: 'too-slow', deadlineTime, uniqueKey: 'slow' });
    await leaseOne('too-slow');
    for (const { name } of [waiting, running]) {
      const dead = await waitFor(
        async () => {
          const task = await get(name);
          return task.state === TaskState.DEAD && task;
        },
        { what: 'the deadline' },
      );
      expect(dead.lastError?.reason).toBe('DEADLINE_EXCEEDED');
    }
    await scheduler.create({ type: 'too-slow', uniqueKey: 'slow' });
    expect(await lease('too-late')).toEqual([]);
  });
});

async function metric(of: Scheduler, name: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${of.app.ports.ops}/metrics`);
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function natsConnected(of: Scheduler): Promise<boolean> {
  return (await metric(of, 'certtasks_nats_connected')) === 1;
}

/** One look of the waiting worker at the table has come to nothing: it listens from before it on. */
async function isWaiting(of: Scheduler): Promise<boolean> {
  return (await metric(of, 'certtasks_task_waiting_workers')) > 0;
}
