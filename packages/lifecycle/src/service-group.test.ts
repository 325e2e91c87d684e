import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LifecycleError } from './lifecycle-error.ts';
import type { Service } from './service.ts';
import { ServiceGroup } from './service-group.ts';

let journal: string[];

beforeEach(() => {
  journal = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = () => new Promise<void>(() => undefined);

/** A service that writes down what happens to it. */
function member(name: string, overrides: { start?: () => Promise<void>; stop?: () => Promise<void> } = {}): Service {
  return {
    name,
    async start() {
      journal.push(`${name} starts`);
      await overrides.start?.();
    },
    async stop() {
      journal.push(`${name} stops`);
      await overrides.stop?.();
    },
  };
}

const group = (...members: Service[]) =>
  new ServiceGroup({ name: 'app', members, startDeadlineMs: 1_000, stopDeadlineMs: 500 });

test('starts in order, one after the other, and stops in reverse', async () => {
  const database = Promise.withResolvers<void>();
  const app = group(member('database', { start: () => database.promise }), member('relay'), member('listener'));
  const started = app.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(journal).toEqual(['database starts']);
  database.resolve();
  await started;
  expect(journal).toEqual(['database starts', 'relay starts', 'listener starts']);
  journal = [];
  await app.stop();
  expect(journal).toEqual(['listener stops', 'relay stops', 'database stops']);
  expect(vi.getTimerCount()).toBe(0);
});

test('start and stop are idempotent, also at the same time, and a stopped group starts again', async () => {
  const app = group(member('a'));
  await app.stop();
  expect(journal).toEqual([]);
  await Promise.all([app.start(), app.start()]);
  await app.start();
  expect(journal).toEqual(['a starts']);
  await Promise.all([app.stop(), app.stop()]);
  await app.stop();
  expect(journal).toEqual(['a starts', 'a stops']);
  await app.start();
  expect(journal).toEqual(['a starts', 'a stops', 'a starts']);
});

test('a start called while the group stops waits for the stop', async () => {
  const stopped = Promise.withResolvers<void>();
  const app = group(member('a', { stop: () => stopped.promise }));
  await app.start();
  const stopping = app.stop();
  const starting = app.start();
  await vi.advanceTimersByTimeAsync(0);
  expect(journal).toEqual(['a starts', 'a stops']);
  stopped.resolve();
  await Promise.all([stopping, starting]);
  expect(journal).toEqual(['a starts', 'a stops', 'a starts']);
});

test('a failed start stops the failed member and all before it, names it and keeps the cause', async () => {
  const cause = new Error('port 8443 is in use');
  let broken = true;
  const app = group(
    member('database'),
    member('listener', { start: () => (broken ? Promise.reject(cause) : Promise.resolve()) }),
    member('worker'),
  );
  await expect(app.start()).rejects.toThrow(
    expect.objectContaining({
      name: 'LifecycleError',
      code: 'start-failed',
      message: 'listener did not start: port 8443 is in use',
      cause,
    }),
  );
  expect(journal).toEqual(['database starts', 'listener starts', 'listener stops', 'database stops']);
  journal = [];
  await app.stop();
  expect(journal).toEqual([]);
  broken = false;
  await app.start();
  expect(journal).toEqual(['database starts', 'listener starts', 'worker starts']);
});

test('a failed start whose rollback fails too tells both', async () => {
  const start = new Error('no start');
  const stop = new Error('no stop');
  const app = group(
    member('a', { stop: () => Promise.reject(stop) }),
    member('b', { start: () => Promise.reject(start) }),
  );
  const failure = await app.start().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(LifecycleError);
  expect(failure).toMatchObject({ code: 'start-failed', cause: { errors: [start, stop] } });
});

test('a member that starts too slowly fails the start at its deadline and is stopped', async () => {
  const app = new ServiceGroup({
    name: 'app',
    members: [member('a'), { service: member('slow', { start: never }), startDeadlineMs: 50 }],
    startDeadlineMs: 1_000,
  });
  const outcome = expect(app.start()).rejects.toThrow(
    expect.objectContaining({ code: 'start-deadline', message: 'slow did not start within 50 ms.' }),
  );
  await vi.advanceTimersByTimeAsync(49);
  expect(journal).toEqual(['a starts', 'slow starts']);
  await vi.advanceTimersByTimeAsync(1);
  await outcome;
  expect(journal).toEqual(['a starts', 'slow starts', 'slow stops', 'a stops']);
});

test('a stop goes on past members that fail or hang, within their deadlines, and reports them all', async () => {
  const failure = new Error('still busy');
  const app = group(
    member('a'),
    member('fails', { stop: () => Promise.reject(failure) }),
    member('hangs', { stop: never }),
  );
  await app.start();
  journal = [];
  const outcome = app.stop().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(500);
  const error = await outcome;
  expect(journal).toEqual(['hangs stops', 'fails stops', 'a stops']);
  expect(error).toMatchObject({
    code: 'stop-failed',
    message: 'app did not stop cleanly: hangs did not stop within 500 ms.; still busy',
    cause: { errors: [{ code: 'stop-deadline' }, failure] },
  });
});

test('a stop during the start stops the member that hangs and begins no other', async () => {
  const app = group(member('a'), member('hangs', { start: never }), member('c'));
  const starting = app.start().catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  await app.stop();
  expect(await starting).toMatchObject({ code: 'stopped-while-starting' });
  expect(journal).toEqual(['a starts', 'hangs starts', 'hangs stops', 'a stops']);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
});

test('groups nest', async () => {
  const inner = new ServiceGroup({ name: 'listeners', members: [member('public'), member('internal')] });
  const app = group(member('database'), inner);
  await app.start();
  await app.stop();
  expect(journal).toEqual([
    'database starts',
    'public starts',
    'internal starts',
    'internal stops',
    'public stops',
    'database stops',
  ]);
});
