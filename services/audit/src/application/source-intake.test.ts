import { fakeClock } from '@cert-tasks/testkit';
import { expect, test } from 'vitest';
import { sampleEntry, sampleReceived } from '../testing/sample-events.ts';
import { TestFeed } from '../testing/test-feed.ts';
import { readFeed } from './read-feed.ts';
import { SourceIntake } from './source-intake.ts';

const NEVER = new AbortController().signal;

function setUp({ position = 0n, maxEvents = 10 } = {}) {
  const clock = fakeClock();
  const calls = { work: 0, gap: 0 };
  const intake = new SourceIntake({
    source: 'cert',
    position,
    limits: { maxEvents, maxBytes: 1_000_000 },
    clock,
    onWork: () => {
      calls.work += 1;
    },
    onGap: () => {
      calls.gap += 1;
    },
  });
  return { intake, clock, calls };
}

function pushed(...numbers: readonly bigint[]) {
  return numbers.map((number) => sampleReceived({ source: 'cert', number }));
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  return (await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, pending))])) === pending;
}

test('a push ends when its events are in the log, also those that were too far ahead at first', async () => {
  const { intake, calls } = setUp({ maxEvents: 2 });
  const push = intake.push(pushed(1n, 2n, 3n), NEVER);
  expect(calls.work).toBeGreaterThan(0);
  expect(intake.lag).toBe(3n);
  intake.settle(2n, []);
  expect(await isPending(push)).toBe(true);
  expect(intake.take(9).next.map(({ number }) => number)).toEqual([3n]);
  intake.settle(3n, []);
  await push;
  expect(intake).toMatchObject({ lag: 0n, pushWorks: true });
});

test('a push of what is in the log ends when it was compared', async () => {
  const { intake } = setUp({ position: 5n });
  const push = intake.push(pushed(4n), NEVER);
  expect(await isPending(push)).toBe(true);
  intake.settle(5n, intake.take(9).repeats);
  await push;
});

test('a push that is given up is told why', async () => {
  const { intake } = setUp();
  const stopper = new AbortController();
  const push = intake.push(pushed(2n), stopper.signal);
  stopper.abort(new Error('the lease is lost'));
  await expect(push).rejects.toThrow('the lease is lost');
  await expect(intake.push(pushed(3n), stopper.signal)).rejects.toThrow('the lease is lost');
});

test('a gap is told at once, and how old it is', async () => {
  const { intake, clock, calls } = setUp();
  const push = intake.push(pushed(2n), NEVER);
  expect(calls).toEqual({ work: 0, gap: 1 });
  const since = clock.now();
  clock.advance(5_000);
  void intake.push(pushed(3n), NEVER);
  expect(intake.gapSince).toEqual(since);
  intake.read({ events: pushed(1n), lastNumber: 3n });
  expect(intake.gapSince).toBeUndefined();
  expect(intake.take(9).next).toHaveLength(3);
  intake.settle(3n, []);
  await push;
});

test('a page of the feed that nobody pushed tells that pushing does not work', async () => {
  const { intake } = setUp();
  const push = intake.push(pushed(1n), NEVER);
  intake.settle(1n, []);
  await push;
  intake.read({ events: [], lastNumber: 1n });
  // An answer that was under way when the same event was pushed.
  intake.read({ events: pushed(1n), lastNumber: 1n });
  expect(intake.pushWorks).toBe(true);
  intake.read({ events: pushed(2n), lastNumber: 2n });
  expect(intake.pushWorks).toBe(false);
});

test('reads the feed from where the held events end', async () => {
  const { intake } = setUp();
  const feed = new TestFeed('cert');
  feed.emit(3);
  expect(await readFeed({ feed, intake }, { waitMs: 0, signal: NEVER })).toBe(3);
  feed.emit(1);
  expect(await readFeed({ feed, intake }, { waitMs: 0, signal: NEVER })).toBe(1);
  expect(intake.take(9).next).toEqual([1n, 2n, 3n, 4n].map((number) => sampleEntry({ source: 'cert', number })));
});

test('a feed that lacks an event is an alarm, and nothing behind it is taken', async () => {
  const { intake } = setUp();
  const feed = new TestFeed('cert');
  feed.emit(4);
  feed.events.splice(2, 1);
  await expect(readFeed({ feed, intake }, { waitMs: 0, signal: NEVER })).rejects.toMatchObject({
    code: 'feed-broken',
    message: 'The feed of cert lacks event 3.',
  });
  expect(intake).toMatchObject({ heldEnd: 2n, hasGap: false });
});

test('a feed that has fewer events than the log is an alarm', async () => {
  const { intake } = setUp({ position: 5n });
  const feed = new TestFeed('cert');
  feed.emit(4);
  await expect(readFeed({ feed, intake }, { waitMs: 0, signal: NEVER })).rejects.toMatchObject({ code: 'feed-broken' });
});

test('an answer of the feed that was overtaken by a push is no alarm', async () => {
  const { intake } = setUp();
  const feed = new TestFeed('cert');
  const overtaken = {
    source: 'cert',
    read: async () => {
      const push = intake.push(pushed(1n), NEVER);
      intake.settle(1n, []);
      await push;
      return { events: [], lastNumber: 0n };
    },
    reportPosition: () => feed.reportPosition(0n),
  };
  expect(await readFeed({ feed: overtaken, intake }, { waitMs: 0, signal: NEVER })).toBe(0);
});
