import { fakeClock } from '@cert-tasks/testkit';
import { expect, test } from 'vitest';
import { SourceIntake } from '../../application/source-intake.ts';
import { sampleReceived } from '../../testing/sample-events.ts';
import { TestFeed } from '../../testing/test-feed.ts';
import { FeedPoller } from './feed-poller.ts';

const NEVER = new AbortController().signal;

function setUp({ connected }: { connected: boolean | undefined }) {
  const feed = new TestFeed('cert');
  const waits: number[] = [];
  const time = { ms: 0 };
  const intake = new SourceIntake({
    source: 'cert',
    position: 0n,
    limits: { maxEvents: 3, maxBytes: 1_000_000 },
    clock: fakeClock(),
    onWork: () => undefined,
    onGap: () => undefined,
  });
  const push = connected === undefined ? undefined : { connected };
  const poller = new FeedPoller({
    feed: {
      source: 'cert',
      read: async (request) => {
        waits.push(request.waitMs);
        time.ms += feed.lastNumber > request.after ? 0 : request.waitMs;
        return feed.read({ ...request, waitMs: 0 });
      },
      reportPosition: async () => undefined,
    },
    intake,
    push,
    elapsedMs: () => time.ms,
  });
  const pushEvents = (...numbers: bigint[]) =>
    void intake.push(
      numbers.map((number) => sampleReceived({ source: 'cert', number })),
      NEVER,
    );
  return { feed, intake, push, poller, waits, time, pushEvents };
}

test.each([undefined, false])(
  'where nothing is pushed it polls, one long poll after the other (%s)',
  async (connected) => {
    const { feed, poller, waits } = setUp({ connected });
    expect(await poller.run(NEVER)).toBe('again');
    feed.emit(1);
    expect(await poller.run(NEVER)).toBe('again');
    expect(await poller.run(NEVER)).toBe('again');
    expect(waits).toEqual([5_000, 5_000, 5_000]);
  },
);

test('a feed that does not wait is not asked in a hurry', async () => {
  const { poller, time } = setUp({ connected: undefined });
  Object.defineProperty(time, 'ms', { get: () => 0, set: () => undefined });
  expect(await poller.run(NEVER)).toBe('idle');
});

test('while events are pushed it looks now and then', async () => {
  const { intake, poller, waits, time, feed, pushEvents } = setUp({ connected: true });
  feed.emit(2);
  pushEvents(1n);
  intake.settle(1n, []);
  await poller.run(NEVER);
  pushEvents(2n);
  waits.length = 0;
  expect(await poller.run(NEVER)).toBe('idle');
  time.ms += 2_999;
  expect(await poller.run(NEVER)).toBe('idle');
  expect(waits).toEqual([]);
  time.ms += 1;
  expect(await poller.run(NEVER)).toBe('idle');
  expect(waits).toEqual([0]);
  poller.readNow();
  await poller.run(NEVER);
  expect(waits).toEqual([0, 0]);
});

test('what the push has lost at the end makes it poll until something is pushed again', async () => {
  const { feed, poller, waits, time, pushEvents, intake } = setUp({ connected: true });
  pushEvents(1n);
  feed.emit(2);
  time.ms += 10_000;
  expect(await poller.run(NEVER)).toBe('again');
  expect(intake.heldEnd).toBe(2n);
  await poller.run(NEVER);
  expect(waits).toEqual([0, 5_000]);
});

test('behind a gap it reads at once', async () => {
  const { feed, poller, waits, pushEvents, intake } = setUp({ connected: true });
  feed.emit(3);
  pushEvents(1n);
  await poller.run(NEVER);
  intake.settle(3n, []);
  feed.emit(2);
  pushEvents(5n);
  waits.length = 0;
  expect(await poller.run(NEVER)).toBe('again');
  expect(waits).toEqual([0]);
  expect(intake.hasGap).toBe(false);
});

test('without room it waits for the sequencer', async () => {
  const { feed, poller, waits, intake } = setUp({ connected: undefined });
  feed.emit(9);
  await poller.run(NEVER);
  expect(await poller.run(NEVER)).toBe('idle');
  expect(waits).toHaveLength(1);
  intake.settle(3n, []);
  expect(await poller.run(NEVER)).toBe('again');
});
