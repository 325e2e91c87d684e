import { describe, expect, test } from 'vitest';
import { type Interest, type Listening, ReadyBell } from './ready-bell.ts';

const A: Interest = { project: undefined, types: ['a'] };
const A_IN_P: Interest = { project: 'p', types: ['a'] };
const LONG = 60_000;

/** Which of the waiters a ring has woken, once the event loop has had its turn. */
async function woken(listening: readonly Listening[]): Promise<boolean[]> {
  const states = listening.map(() => false);
  listening.forEach((each, i) => {
    void each.rung({ ms: LONG, signal: AbortSignal.timeout(LONG) }).then(() => {
      states[i] = true;
    });
  });
  await new Promise((resolve) => setImmediate(resolve));
  return states;
}

describe('a ring', () => {
  test('wakes as many waiters as there are tasks, the longest waiting first', async () => {
    const bell = new ReadyBell();
    const waiters = [bell.listen(A), bell.listen(A), bell.listen(A)];
    bell.ring([{ project: 'p', type: 'a', count: 2 }]);
    expect(await woken(waiters)).toEqual([true, true, false]);
  });

  test('that comes before the wait is not missed', async () => {
    const bell = new ReadyBell();
    const waiter = bell.listen(A);
    bell.ring([{ project: 'p', type: 'a', count: 1 }]);
    expect(await woken([waiter])).toEqual([true]);
  });

  test('is for those who can take the type in the project', async () => {
    const bell = new ReadyBell();
    const waiters = [
      bell.listen({ project: 'q', types: ['a'] }),
      bell.listen({ ...A, types: ['b'] }),
      bell.listen(A_IN_P),
    ];
    bell.ring([{ project: 'p', type: 'a', count: 9 }]);
    expect(await woken(waiters)).toEqual([false, false, true]);
  });

  test('that its waiter did not act on passes to the next', async () => {
    const bell = new ReadyBell();
    const [first, second] = [bell.listen(A), bell.listen(A_IN_P)];
    bell.ring([{ project: 'p', type: 'a', count: 1 }]);
    first.end({ acted: false });
    expect(await woken([second])).toEqual([true]);
  });

  test('that its waiter acted on is spent', async () => {
    const bell = new ReadyBell();
    const [first, second] = [bell.listen(A), bell.listen(A)];
    bell.ring([{ project: 'p', type: 'a', count: 1 }]);
    first.end({ acted: true });
    expect(await woken([second])).toEqual([false]);
  });

  test('for anything wakes one for each project and type', async () => {
    const bell = new ReadyBell();
    const waiters = [bell.listen(A), bell.listen(A), bell.listen({ ...A, types: ['a', 'b'] }), bell.listen(A_IN_P)];
    bell.ringForAny();
    expect(await woken(waiters)).toEqual([true, false, true, true]);
  });
});

describe('a wait', () => {
  test('ends with its time', async () => {
    const bell = new ReadyBell();
    await bell.listen(A).rung({ ms: 1, signal: AbortSignal.timeout(LONG) });
  });

  test('rejects with the reason when the caller goes', async () => {
    const bell = new ReadyBell();
    const caller = new AbortController();
    const waiting = bell.listen(A).rung({ ms: LONG, signal: caller.signal });
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
  });

  test('ends when the bell is closed, and every later one at once', async () => {
    const bell = new ReadyBell();
    const waiter = bell.listen(A);
    const waiting = waiter.rung({ ms: LONG, signal: AbortSignal.timeout(LONG) });
    bell.close();
    await waiting;
    expect(await woken([bell.listen(A)])).toEqual([true]);
    expect(bell.waiting).toBe(2);
    waiter.end({ acted: true });
    expect(bell.waiting).toBe(1);
  });
});
