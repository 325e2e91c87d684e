import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Loop, type LoopOptions } from './loop.ts';
import type { LoopOutcome } from './loop-observer.ts';

let observed: { name: string; outcome: string; ms: number }[];
let failures: unknown[];

beforeEach(() => {
  observed = [];
  failures = [];
  // setImmediate stays real: the loop gives the event loop a turn with it.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function loopOf(run: LoopOptions['run'], overrides: Partial<LoopOptions> = {}) {
  const loop = new Loop({
    name: 'test loop',
    intervalMs: 1_000,
    run,
    random: () => 0.5,
    observer: {
      iteration: (name, outcome, ms) => observed.push({ name, outcome, ms }),
      failure: (_name, error) => failures.push(error),
    },
    ...overrides,
  });
  return loop;
}

/** Moves the clock on and lets everything happen that is due then. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
const settle = () => pass(0);

test('runs at once, then after each interval', async () => {
  const run = vi.fn(async (): Promise<LoopOutcome> => 'idle');
  const loop = loopOf(run);
  await loop.start();
  await settle();
  expect(run).toHaveBeenCalledTimes(1);
  await pass(999);
  expect(run).toHaveBeenCalledTimes(1);
  await pass(1);
  expect(run).toHaveBeenCalledTimes(2);
  await loop.stop();
  await pass(10_000);
  expect(run).toHaveBeenCalledTimes(2);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  [0, 900],
  [0.999_999, 1_100],
])('stretches or shortens the interval by up to a tenth (random %d: %d ms)', async (random, interval) => {
  const run = vi.fn(async (): Promise<LoopOutcome> => 'idle');
  const loop = loopOf(run, { random: () => random });
  await loop.start();
  await pass(interval - 2);
  expect(run).toHaveBeenCalledTimes(1);
  await pass(3);
  expect(run).toHaveBeenCalledTimes(2);
  await loop.stop();
});

test('runs again at once after "again", and lets other work have its turn in between', async () => {
  const order: string[] = [];
  const outcomes: LoopOutcome[] = ['again', 'again', 'idle'];
  const loop = loopOf(async () => {
    order.push('iteration');
    setImmediate(() => order.push('other work'));
    return outcomes.shift() ?? 'idle';
  });
  await loop.start();
  await settle();
  expect(order.slice(0, 5)).toEqual(['iteration', 'other work', 'iteration', 'other work', 'iteration']);
  expect(observed.map(({ outcome }) => outcome)).toEqual(['again', 'again', 'idle']);
  await loop.stop();
});

test('a wake ends the rest; one during an iteration is kept; one before the start asks for nothing more', async () => {
  let finish = Promise.withResolvers<LoopOutcome>();
  const run = vi.fn(() => finish.promise);
  const loop = loopOf(run);
  loop.wake();
  await loop.start();
  finish.resolve('idle');
  await settle();
  expect(run).toHaveBeenCalledTimes(1);

  finish = Promise.withResolvers();
  loop.wake();
  await settle();
  expect(run).toHaveBeenCalledTimes(2);

  loop.wake();
  loop.wake();
  finish.resolve('idle');
  await settle();
  expect(run).toHaveBeenCalledTimes(3);
  await pass(999);
  expect(run).toHaveBeenCalledTimes(3);
  await loop.stop();
});

test('never runs two iterations at a time', async () => {
  let running = 0;
  let most = 0;
  const loop = loopOf(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 50));
    running -= 1;
    return 'idle';
  });
  await Promise.all([loop.start(), loop.start()]);
  for (let i = 0; i < 20; i++) {
    loop.wake();
    await pass(20);
  }
  expect(most).toBe(1);
  const stopping = loop.stop();
  await pass(50);
  await stopping;
});

test('after failures it pauses, longer each time, whatever wakes it; a success starts over', async () => {
  const broken = new Error('the database is away');
  let works = false;
  const onError = vi.fn();
  const run = vi.fn(async (): Promise<LoopOutcome> => {
    if (works) return 'idle';
    throw broken;
  });
  // With random at 0.5 the pauses are half of the ceilings: 50, 100, 200, 200 ms.
  const loop = loopOf(run, { backoff: { baseMs: 100, maxMs: 400 }, onError });
  await loop.start();
  await settle();
  let calls = 1;
  for (const pause of [50, 100, 200, 200]) {
    loop.wake();
    await pass(pause - 1);
    loop.wake();
    expect(run).toHaveBeenCalledTimes(calls);
    await pass(1);
    calls += 1;
    expect(run).toHaveBeenCalledTimes(calls);
  }
  expect(failures).toEqual(Array(calls).fill(broken));
  expect(onError).toHaveBeenCalledTimes(calls);
  expect(observed.every(({ name, outcome }) => name === 'test loop' && outcome === 'error')).toBe(true);

  works = true;
  await pass(200);
  works = false;
  await pass(1_000);
  const before = run.mock.calls.length;
  await pass(50);
  expect(run).toHaveBeenCalledTimes(before + 1);
  await loop.stop();
});

test('a run that throws instead of rejecting is a failure like any other', async () => {
  const loop = loopOf(() => {
    throw new Error('at once');
  });
  await loop.start();
  await settle();
  expect(failures).toHaveLength(1);
  await loop.stop();
});

test('stop aborts the signal, waits for the iteration, and does not report the abort as a failure', async () => {
  let ended = false;
  const loop = loopOf(
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          setTimeout(() => {
            ended = true;
            reject(signal.reason);
          }, 100);
        });
      }),
  );
  await loop.start();
  const stopping = loop.stop();
  const again = loop.stop();
  await pass(99);
  expect(ended).toBe(false);
  await pass(1);
  await Promise.all([stopping, again]);
  expect(ended).toBe(true);
  expect(failures).toEqual([]);
  expect(observed).toEqual([]);
});

test('a real failure during the stop is still reported', async () => {
  const lost = new Error('could not hand the work back');
  const loop = loopOf(
    (signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(lost));
      }),
  );
  await loop.start();
  await loop.stop();
  expect(failures).toEqual([lost]);
});

test('stop ends the pause after a failure', async () => {
  const loop = loopOf(() => Promise.reject(new Error('broken')), { backoff: { baseMs: 60_000, maxMs: 60_000 } });
  await loop.start();
  await settle();
  const stopping = loop.stop();
  await settle();
  await stopping;
  expect(vi.getTimerCount()).toBe(0);
});

test('stop is safe without a start, and a stopped loop starts again with a fresh signal', async () => {
  const signals: AbortSignal[] = [];
  const loop = loopOf(async (signal) => {
    signals.push(signal);
    return 'idle';
  });
  await loop.stop();
  await loop.start();
  await settle();
  const stopping = loop.stop();
  await loop.start();
  await stopping;
  await settle();
  expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
  await loop.stop();
});

test('an iteration may stop or wake its own loop, the first one too', async () => {
  const run = vi.fn(async (): Promise<LoopOutcome> => {
    if (run.mock.calls.length === 1) loop.wake();
    else void loop.stop();
    return 'idle';
  });
  const loop = loopOf(run);
  await loop.start();
  await settle();
  expect(run).toHaveBeenCalledTimes(2);

  const stopper = loopOf(async () => {
    void stopper.stop();
    return 'again';
  });
  await stopper.start();
  await settle();
  expect(observed.at(-1)?.outcome).toBe('again');
  expect(observed).toHaveLength(3);
});

test('measures how long an iteration took', async () => {
  const loop = loopOf(async () => {
    await new Promise((resolve) => setTimeout(resolve, 70));
    return 'idle';
  });
  await loop.start();
  await pass(70);
  expect(observed).toEqual([{ name: 'test loop', outcome: 'idle', ms: 70 }]);
  await loop.stop();
});

test.each([0, -1, Number.NaN, 2 ** 31])('refuses an interval of %d ms', (intervalMs) => {
  expect(() => loopOf(async () => 'idle', { intervalMs })).toThrow(RangeError);
});
