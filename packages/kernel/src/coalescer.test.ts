import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { type CoalescedResult, Coalescer, CoalescerError, type CoalescerOptions } from './coalescer.ts';

type Options = CoalescerOptions<number, string>;

const answerAll = (items: number[]): CoalescedResult<string>[] =>
  items.map((item) => ({ ok: true, value: `answer ${item}` }));

/** A coalescer whose batches finish only when the test says so. */
function heldCoalescer(limits: Partial<Options> = {}) {
  const batches: {
    items: number[];
    finish: (results?: CoalescedResult<string>[]) => void;
    fail: (e: unknown) => void;
  }[] = [];
  const coalescer = new Coalescer<number, string>({
    name: 'test queue',
    maxBatch: 4,
    maxQueued: 8,
    maxInFlight: 1,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, finish: (results = answerAll(items)) => resolve(results), fail: reject });
      }),
    ...limits,
  });
  return { coalescer, batches, sizes: () => batches.map((batch) => batch.items.length) };
}

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

afterEach(() => {
  vi.useRealTimers();
});

test('gathers what is submitted in one turn of the event loop, from different callbacks too', async () => {
  const { coalescer, batches } = heldCoalescer();
  const answers = [coalescer.submit(1)];
  await new Promise<void>((resolve) => process.nextTick(resolve));
  answers.push(coalescer.submit(2));
  expect(batches).toHaveLength(0);
  await turnOfTheLoop();
  expect(batches.map((batch) => batch.items)).toEqual([[1, 2]]);
  batches[0]?.finish();
  await expect(Promise.all(answers)).resolves.toEqual(['answer 1', 'answer 2']);
});

test('gathers the next batch while one is in flight and starts it without waiting for another turn', async () => {
  const { coalescer, batches } = heldCoalescer();
  const first = coalescer.submit(1);
  await turnOfTheLoop();
  const rest = [2, 3, 4].map((item) => coalescer.submit(item));
  await turnOfTheLoop();
  expect(batches).toHaveLength(1);
  batches[0]?.finish();
  await first;
  expect(batches.map((batch) => batch.items)).toEqual([[1], [2, 3, 4]]);
  batches[1]?.finish();
  await Promise.all(rest);
});

test('starts a full batch at once, so that a burst is not refused while a slot is free', async () => {
  const { coalescer, batches, sizes } = heldCoalescer({ maxBatch: 2, maxQueued: 2, maxInFlight: 2 });
  const answers = [1, 2, 3, 4, 5, 6].map((item) => coalescer.submit(item));
  expect(sizes()).toEqual([2, 2]);
  const refused = coalescer.submit(7);
  await expect(refused).rejects.toThrow(expect.objectContaining({ code: 'overloaded' }));
  batches[0]?.finish();
  batches[1]?.finish();
  await Promise.all(answers.slice(0, 4));
  batches[2]?.finish();
  await Promise.all(answers);
});

test('does not refuse while a slot is free when fewer may wait than a batch holds', async () => {
  const { coalescer, batches, sizes } = heldCoalescer({ maxBatch: 10, maxQueued: 2, maxInFlight: 1 });
  const answers = [1, 2].map((item) => coalescer.submit(item));
  expect(sizes()).toEqual([2]);
  batches[0]?.finish();
  await Promise.all(answers);
});

test('refuses with overloaded when maxQueued items wait, and takes items again afterwards', async () => {
  const { coalescer, batches } = heldCoalescer({ maxQueued: 2, maxBatch: 2 });
  const taken = [1, 2, 3, 4].map((item) => coalescer.submit(item));
  expect(coalescer.queued).toBe(2);
  expect(coalescer.inFlight).toBe(1);
  await expect(coalescer.submit(5)).rejects.toThrow(
    expect.objectContaining({ name: 'CoalescerError', code: 'overloaded', retryAfterMs: 1_000 }),
  );
  batches[0]?.finish();
  await taken[0];
  const later = coalescer.submit(6);
  batches[1]?.finish();
  await Promise.all(taken);
  await turnOfTheLoop();
  batches[2]?.finish();
  await expect(later).resolves.toBe('answer 6');
});

test('an error of one item is given to that item alone, as it is', async () => {
  const { coalescer, batches } = heldCoalescer();
  const mine = new Error('only mine');
  const answers = Promise.allSettled([1, 2, 3].map((item) => coalescer.submit(item)));
  await turnOfTheLoop();
  batches[0]?.finish([
    { ok: true, value: 'one' },
    { ok: false, error: mine },
    { ok: true, value: 'three' },
  ]);
  expect(await answers).toEqual([
    { status: 'fulfilled', value: 'one' },
    { status: 'rejected', reason: mine },
    { status: 'fulfilled', value: 'three' },
  ]);
});

test('a batch that fails, by rejection or by throwing, rejects its own items only', async () => {
  const failure = new Error('the database is away');
  for (const run of [
    () => Promise.reject(failure),
    () => {
      throw failure;
    },
  ]) {
    let calls = 0;
    const { coalescer } = heldCoalescer({
      maxBatch: 2,
      run: (items) => (++calls === 1 ? run() : Promise.resolve(answerAll(items))),
    });
    const answers = await Promise.allSettled([1, 2, 3].map((item) => coalescer.submit(item)));
    expect(answers).toEqual([
      { status: 'rejected', reason: failure },
      { status: 'rejected', reason: failure },
      { status: 'fulfilled', value: 'answer 3' },
    ]);
    expect(coalescer.inFlight).toBe(0);
  }
});

test.each([
  ['too few', []],
  ['too many', [...answerAll([1, 2]), ...answerAll([3])]],
])('%s results are reported to the whole batch, which is not left hanging', async (_what, results) => {
  const { coalescer, batches } = heldCoalescer();
  const answers = Promise.allSettled([1, 2].map((item) => coalescer.submit(item)));
  await turnOfTheLoop();
  batches[0]?.finish(results);
  for (const answer of await answers) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'bad-results' } });
  }
});

test('a hole in the results is reported to its own item', async () => {
  const { coalescer, batches } = heldCoalescer();
  const answers = Promise.allSettled([1, 2].map((item) => coalescer.submit(item)));
  await turnOfTheLoop();
  const holed = answerAll([1]);
  holed.length = 2;
  batches[0]?.finish(holed);
  expect(await answers).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'bad-results' } },
  ]);
});

test('close answers everything taken before it resolves, and refuses what comes later', async () => {
  const { coalescer, batches } = heldCoalescer({ maxBatch: 2 });
  const answers = [1, 2, 3].map((item) => coalescer.submit(item));
  const closed = vi.fn();
  const closing = coalescer.close().then(closed);
  await expect(coalescer.submit(4)).rejects.toThrow(CoalescerError);
  await expect(coalescer.submit(4)).rejects.toThrow(expect.objectContaining({ code: 'closed' }));
  batches[0]?.finish();
  await Promise.all(answers.slice(0, 2));
  await turnOfTheLoop();
  expect(closed).not.toHaveBeenCalled();
  batches[1]?.finish();
  await Promise.all(answers);
  await closing;
  await coalescer.close();
  expect(batches).toHaveLength(2);
});

test('close of an idle coalescer resolves, and of one whose only item waits for its turn runs it', async () => {
  await heldCoalescer().coalescer.close();
  const { coalescer } = heldCoalescer({ run: (items) => Promise.resolve(answerAll(items)) });
  const order: string[] = [];
  const answer = coalescer.submit(1).then((value) => order.push(value));
  await coalescer.close();
  order.push('closed');
  await answer;
  expect(order).toEqual(['answer 1', 'closed']);
});

test('sets no timers', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] });
  const { coalescer } = heldCoalescer({ maxQueued: 100, run: (items) => Promise.resolve(answerAll(items)) });
  const answers = Array.from({ length: 50 }, (_, item) => coalescer.submit(item));
  expect(vi.getTimerCount()).toBe(0);
  await Promise.all(answers);
  expect(vi.getTimerCount()).toBe(0);
});

test.each(['maxBatch', 'maxQueued', 'maxInFlight'] as const)(
  'refuses a %s that is no positive whole number',
  (limit) => {
    for (const value of [0, -1, 1.5, Number.NaN]) expect(() => heldCoalescer({ [limit]: value })).toThrow(limit);
  },
);

const plan = fc.record({
  maxBatch: fc.integer({ min: 1, max: 7 }),
  maxQueued: fc.integer({ min: 1, max: 20 }),
  maxInFlight: fc.integer({ min: 1, max: 4 }),
  /** Items in the order of submission; a pause lets the event loop turn that many times before the item. */
  items: fc.array(
    fc.record({ pause: fc.integer({ min: 0, max: 2 }), fate: fc.constantFrom('value', 'error', 'poison') }),
    { maxLength: 60 },
  ),
  /** Turns of the event loop that each batch takes. */
  turns: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 10 }),
});

test('under any load: each item answered exactly once, with its own answer; batches, slots and queue bounded; in order', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ maxBatch, maxQueued, maxInFlight, items, turns }) => {
      const ran: number[] = [];
      const poisoned = new Set<number>();
      let inFlight = 0;
      const coalescer = new Coalescer<number, number>({
        name: 'any',
        maxBatch,
        maxQueued,
        maxInFlight,
        run: async (batch) => {
          inFlight += 1;
          expect(inFlight).toBeLessThanOrEqual(maxInFlight);
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(maxBatch);
          const wait = turns[ran.length % turns.length] ?? 0;
          ran.push(...batch);
          for (let i = 0; i < wait; i++) await turnOfTheLoop();
          inFlight -= 1;
          if (batch.some((item) => items[item]?.fate === 'poison')) {
            for (const item of batch) poisoned.add(item);
            throw new Error(`poisoned: ${batch.join()}`);
          }
          return batch.map((item) =>
            items[item]?.fate === 'error' ? { ok: false, error: item } : { ok: true, value: item * 10 },
          );
        },
      });

      const settled: number[] = [];
      const answers: Promise<PromiseSettledResult<number>>[] = [];
      for (const [index, { pause }] of items.entries()) {
        for (let i = 0; i < pause; i++) await turnOfTheLoop();
        const answer = coalescer.submit(index);
        expect(coalescer.queued).toBeLessThanOrEqual(maxQueued);
        void answer.then(
          () => settled.push(index),
          () => settled.push(index),
        );
        answers.push(Promise.allSettled([answer]).then(([result]) => result));
      }
      await coalescer.close();
      const results = await Promise.all(answers);

      expect(settled.toSorted((a, b) => a - b)).toEqual(items.map((_, index) => index));
      expect(ran).toEqual(ran.toSorted((a, b) => a - b));
      expect(new Set(ran).size).toBe(ran.length);
      for (const [index, result] of results.entries()) {
        if (!ran.includes(index)) expect(result).toMatchObject({ reason: { code: 'overloaded' } });
        else if (poisoned.has(index)) expect(result).toMatchObject({ reason: { message: /^poisoned/ } });
        else if (items[index]?.fate === 'error') expect(result).toEqual({ status: 'rejected', reason: index });
        else expect(result).toEqual({ status: 'fulfilled', value: index * 10 });
      }
      expect(coalescer.queued).toBe(0);
      expect(coalescer.inFlight).toBe(0);
    }),
    { numRuns: 200 },
  );
});
