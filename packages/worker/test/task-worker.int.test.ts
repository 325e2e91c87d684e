import { sleep } from '@cert-tasks/kernel';
import { Metrics } from '@cert-tasks/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TaskAbort, TaskFailure, type TaskHandler, TaskWorker, type TaskWorkerOptions } from '../src/index.ts';
import { FakeError, FakeScheduler, until } from './fake-scheduler.ts';

/** A handler that ends when it is told to, and not before. */
function patient(): { handler: TaskHandler; started: string[]; reasons: unknown[] } {
  const started: string[] = [];
  const reasons: unknown[] = [];
  const handler: TaskHandler = async ({ task }, { signal }) => {
    started.push(task?.name ?? '');
    await sleep(60_000, signal).catch(() => undefined);
    reasons.push(signal.reason);
    throw signal.reason;
  };
  return { handler, started, reasons };
}

describe('TaskWorker', () => {
  let scheduler: FakeScheduler;
  let worker: TaskWorker | undefined;

  const start = async (
    options: Partial<TaskWorkerOptions> & Pick<TaskWorkerOptions, 'handlers'>,
  ): Promise<TaskWorker> => {
    worker = new TaskWorker({
      client: scheduler.client,
      workerId: 'worker-1',
      concurrency: 4,
      leaseMs: 2_000,
      waitMs: 1_000,
      stopGraceMs: 1_000,
      log: scheduler.log,
      metrics: new Metrics({ processMetrics: false }),
      ...options,
    });
    await worker.start();
    return worker;
  };

  beforeEach(async () => {
    scheduler = new FakeScheduler();
    await scheduler.start();
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    await scheduler.stop();
  });

  it('completes tasks with what their handlers answer', async () => {
    scheduler.plan({ id: 'a', payload: { n: 1 } }, { id: 'b', type: 'test.other' });
    await start({
      handlers: {
        'test.do': async ({ task }) => ({ doubled: Number(task?.payload?.['n']) * 2 }),
        'test.other': async () => undefined,
      },
    });
    await until('both are reported', () => scheduler.reports.length === 2);
    const [a, b] = scheduler.reports.toSorted((x, y) => (x.name < y.name ? -1 : 1));
    expect(a).toMatchObject({ name: 'projects/p1/tasks/a', fence: 1n, kind: 'completed', result: { doubled: 2 } });
    expect(b).toMatchObject({ name: 'projects/p1/tasks/b', fence: 2n, kind: 'completed', result: undefined });
    expect(scheduler.leases[0]).toMatchObject({
      parent: 'projects/-',
      worker: 'worker-1',
      types: ['test.do', 'test.other'],
      maxTasks: 4,
    });
    expect(scheduler.leases[0]?.leaseDuration?.seconds).toBe(2n);
    expect(scheduler.leases[0]?.wait?.seconds).toBe(1n);
  });

  it('never asks for more than it has free slots, nor runs more', async () => {
    let running = 0;
    let most = 0;
    const handler: TaskHandler = async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(20);
      running -= 1;
      return undefined;
    };
    scheduler.plan(...Array.from({ length: 12 }, (_, n) => ({ id: `t${n}` })));
    await start({ handlers: { 'test.do': handler }, concurrency: 3 });
    await until('all are reported', () => scheduler.reports.length === 12);
    expect(most).toBe(3);
    expect(Math.max(...scheduler.leases.map(({ maxTasks }) => maxTasks))).toBe(3);
    expect(Math.min(...scheduler.leases.map(({ maxTasks }) => maxTasks))).toBeGreaterThan(0);
  });

  it('says how an attempt failed', async () => {
    scheduler.plan({ id: 'a', type: 'test.final' }, { id: 'b', type: 'test.defect' }, { id: 'c', type: 'test.app' });
    await start({
      handlers: {
        'test.final': async () => {
          throw new TaskFailure({ reason: 'NO_SUCH_THING', message: 'There is no such thing.', final: true });
        },
        'test.defect': async () => {
          throw new Error('a secret');
        },
        'test.app': async () => {
          throw new FakeError('scheduler-away', 'Away for now.');
        },
      },
    });
    await until('all are reported', () => scheduler.reports.length === 3);
    const byName = Object.fromEntries(scheduler.reports.map((report) => [report.name.slice(-1), report]));
    expect(byName['a']).toMatchObject({ reason: 'NO_SUCH_THING', message: 'There is no such thing.', final: true });
    expect(byName['b']).toMatchObject({ reason: 'HANDLER_FAILED', final: false });
    expect(byName['b']?.message).not.toContain('secret');
    expect(byName['c']).toMatchObject({ reason: 'SCHEDULER_AWAY', message: 'Away for now.', final: false });
  });

  it('sends heartbeats for all running tasks together, with their progress', async () => {
    const gate = Promise.withResolvers<void>();
    scheduler.plan({ id: 'a', payload: { percent: 30 } }, { id: 'b', payload: { percent: 400 } });
    await start({
      handlers: {
        'test.do': async ({ task }, ctx) => {
          ctx.heartbeat({ percent: Number(task?.payload?.['percent']), message: 'on its way' });
          await gate.promise;
          return undefined;
        },
      },
    });
    await until('heartbeats came', () => scheduler.heartbeats.some(({ heartbeats }) => heartbeats.length === 2));
    const batch = scheduler.heartbeats.find(({ heartbeats }) => heartbeats.length === 2);
    expect(batch?.heartbeats).toMatchObject([
      { name: 'projects/p1/tasks/a', fence: 1n, progressPercent: 30, progressMessage: 'on its way' },
      { name: 'projects/p1/tasks/b', fence: 2n, progressPercent: 100, progressMessage: 'on its way' },
    ]);
    // Longer than the lease: the heartbeats have kept it.
    await sleep(2_300);
    gate.resolve();
    await until('both are completed', () => scheduler.reports.filter(({ kind }) => kind === 'completed').length === 2);
  });

  it.each([
    ['FENCE_STALE', 'lease-lost'],
    ['CANCELLED', 'cancelled'],
  ])('aborts the handler and reports nothing when a heartbeat says %s', async (reason, code) => {
    const { handler, started, reasons } = patient();
    scheduler.lostReason = () => reason;
    scheduler.plan({ id: 'a' });
    await start({ handlers: { 'test.do': handler } });
    await until('the handler was aborted', () => reasons.length === 1);
    expect(started).toHaveLength(1);
    expect(reasons[0]).toBeInstanceOf(TaskAbort);
    expect(reasons[0]).toMatchObject({ code });
    await worker?.stop();
    expect(scheduler.reports).toHaveLength(0);
  });

  it('outlives heartbeats that fail, but not a whole lease without one', async () => {
    const { handler, reasons } = patient();
    scheduler.failNext.heartbeat.push(new FakeError('scheduler-away', 'Away.'));
    scheduler.plan({ id: 'a' });
    await start({ handlers: { 'test.do': handler } });
    await until('a heartbeat came after the failed one', () => scheduler.heartbeats.length >= 1);
    expect(reasons).toHaveLength(0);
    const lastHeartbeatAt = performance.now();
    scheduler.isHeartbeatDown = true;
    await until('the handler was aborted', () => reasons.length === 1);
    expect(reasons[0]).toMatchObject({ code: 'lease-lost' });
    // By our own clock: not before the lease's time has passed since the last heartbeat was sent, and not long after.
    const afterMs = performance.now() - lastHeartbeatAt;
    expect(afterMs).toBeGreaterThan(1_500);
    expect(afterMs).toBeLessThan(3_500);
    expect(scheduler.reports).toHaveLength(0);
  });

  it('aborts an attempt that takes too long, and says so', async () => {
    const { handler, reasons } = patient();
    scheduler.plan({ id: 'a', attemptTimeoutMs: 100 });
    await start({ handlers: { 'test.do': handler } });
    await until('it is reported', () => scheduler.reports.length === 1);
    expect(reasons[0]).toMatchObject({ code: 'attempt-timeout' });
    expect(scheduler.reports[0]).toMatchObject({ kind: 'failed', reason: 'ATTEMPT_TIMEOUT', final: false });
  });

  it('reports again while the scheduler is away, and once only', async () => {
    scheduler.failNext.report.push(new FakeError('scheduler-away', 'Away.'), new FakeError('scheduler-away', 'Away.'));
    scheduler.plan({ id: 'a' });
    await start({ handlers: { 'test.do': async () => ({ ok: true }) } });
    await until('it is reported', () => scheduler.reports.length === 1);
    expect(scheduler.reports[0]).toMatchObject({ kind: 'completed', result: { ok: true } });
    expect(scheduler.failNext.report).toHaveLength(0);
  });

  it('gives up a report whose fence is stale', async () => {
    scheduler.failNext.report.push(new FakeError('fence-stale', 'Stale.'));
    let runs = 0;
    scheduler.plan({ id: 'a' });
    await start({
      handlers: {
        'test.do': async () => {
          runs += 1;
          return undefined;
        },
      },
    });
    await until('it was tried', () => scheduler.failNext.report.length === 0);
    scheduler.plan({ id: 'b' });
    await until('the next one is reported', () => scheduler.reports.length === 1);
    expect(scheduler.reports[0]?.name).toBe('projects/p1/tasks/b');
    expect(runs).toBe(2);
  });

  it('fails the attempt whose result is refused', async () => {
    scheduler.failNext.report.push(new FakeError('result-too-large', 'Too large.'));
    scheduler.plan({ id: 'a' });
    await start({ handlers: { 'test.do': async () => ({ big: true }) } });
    await until('it is reported', () => scheduler.reports.length === 1);
    expect(scheduler.reports[0]).toMatchObject({ kind: 'failed', reason: 'RESULT_REFUSED', final: false });
  });

  it('leases again after the scheduler was away', async () => {
    scheduler.failNext.lease.push(new FakeError('scheduler-away', 'Away.'), new FakeError('scheduler-away', 'Away.'));
    scheduler.plan({ id: 'a' });
    await start({ handlers: { 'test.do': async () => undefined } });
    await until('it is reported', () => scheduler.reports.length === 1);
  });

  it('stops by taking no more, letting handlers end, and then aborting them', async () => {
    const { handler, reasons } = patient();
    const gate = Promise.withResolvers<void>();
    let started = 0;
    scheduler.plan({ id: 'quick' }, { id: 'slow', type: 'test.slow' });
    const stopping = await start({
      handlers: {
        'test.do': async () => {
          started += 1;
          await gate.promise;
          return { ended: true };
        },
        'test.slow': async (task, ctx) => {
          started += 1;
          return handler(task, ctx);
        },
      },
      stopGraceMs: 300,
    });
    await until('both run', () => started === 2);
    const stopped = stopping.stop();
    scheduler.plan({ id: 'late' });
    gate.resolve();
    await until('the quick one is reported', () => scheduler.reports.length === 1);
    expect(scheduler.reports[0]).toMatchObject({ name: 'projects/p1/tasks/quick', kind: 'completed' });
    expect(reasons).toHaveLength(0);
    await stopped;
    expect(reasons[0]).toMatchObject({ code: 'shutting-down' });
    expect(scheduler.reports[1]).toMatchObject({
      name: 'projects/p1/tasks/slow',
      kind: 'failed',
      reason: 'SHUTTING_DOWN',
    });
    expect(scheduler.reports).toHaveLength(2);
    expect(started).toBe(2);
  });

  it('gives effects a key that is the same at every attempt', async () => {
    const keys: string[] = [];
    const handler: TaskHandler = async (_task, ctx) => {
      keys.push(ctx.effectKey('renew'), ctx.effectKey('notify'));
      expect(() => ctx.effectKey('Not A Name')).toThrow(TypeError);
      return undefined;
    };
    scheduler.plan({ id: 'a', attempt: 1 }, { id: 'a', attempt: 2 });
    await start({ handlers: { 'test.do': handler }, concurrency: 1 });
    await until('both attempts are reported', () => scheduler.reports.length === 2);
    expect(keys).toEqual(['a/renew', 'a/notify', 'a/renew', 'a/notify']);
    expect(scheduler.reports.every(({ kind }) => kind === 'completed')).toBe(true);
  });

  it('refuses settings outside their range', () => {
    const options = {
      client: scheduler.client,
      workerId: 'w',
      log: scheduler.log,
      metrics: new Metrics({ processMetrics: false }),
    };
    const handlers = { 'test.do': async () => undefined };
    expect(() => new TaskWorker({ ...options, handlers, concurrency: 0 })).toThrow(RangeError);
    expect(() => new TaskWorker({ ...options, handlers, concurrency: 1, leaseMs: 500 })).toThrow(RangeError);
    expect(() => new TaskWorker({ ...options, handlers: {}, concurrency: 1 })).toThrow(RangeError);
  });
});
