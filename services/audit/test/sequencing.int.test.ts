import { waitFor } from '@cert-tasks/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EventPush } from '../src/application/ports/event-push.ts';
import { publishCheckpoint } from '../src/application/publish-checkpoint.ts';
import { verifyLog } from '../src/fsck.ts';
import { sampleReceived } from '../src/testing/sample-events.ts';
import { TestFeed } from '../src/testing/test-feed.ts';
import { TestWitness } from '../src/testing/test-witness.ts';
import { type AuditDatabase, auditDatabase, LEASES } from './audit-database.ts';
import { TestPush } from './test-push.ts';
import { testSequencer } from './test-sequencer.ts';

let database: AuditDatabase;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  database = await auditDatabase();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
  await database.close();
});

function sequencer(options: Parameters<typeof testSequencer>[1]) {
  const made = testSequencer(database, options);
  running.push(made);
  return made;
}

async function rows() {
  return await database.db.sql<{ index: bigint; source: string; number: bigint; problem: string | null }[]>`
    select index, source, number, problem from entries order by index`;
}

async function hasAll(feeds: readonly TestFeed[]): Promise<boolean> {
  const positions = await database.stores().reader.positions();
  return feeds.every((feed) => (positions.get(feed.source) ?? 0n) === feed.lastNumber);
}

async function expectWhole(feeds: readonly TestFeed[]): Promise<void> {
  const all = await rows();
  expect(all.map(({ index }) => index)).toEqual(all.map((_, i) => BigInt(i)));
  for (const { source, lastNumber } of feeds) {
    const numbers = all.filter((row) => row.source === source).map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: Number(lastNumber) }, (_, i) => BigInt(i + 1)));
  }
  expect(await verifyLog(database.db)).toEqual([]);
}

test('without a broker, events are in the log soon after their feeds have them', async () => {
  const feeds = ['cert', 'signer', 'task-scheduler', 'audit'].map((source) => new TestFeed(source));
  const one = sequencer({ feeds });
  await one.start();
  for (const feed of feeds) feed.emit(700);
  await waitFor(() => hasAll(feeds), { what: 'all events in the log' });
  // Now idle: the next is waited for by long polls.
  feeds[0]?.emit(1);
  await waitFor(() => hasAll(feeds), { what: 'one more event', timeoutMs: 1_500 });
  await expectWhole(feeds);
  expect(one.observer.failures).toEqual([]);
  await one.positions.run(new AbortController().signal);
  expect(feeds.map(({ reported }) => reported)).toEqual([[701n], [700n], [700n], [700n]]);
});

test('what is pushed twice, in another order and with losses is in the log once and in order', async () => {
  const feed = new TestFeed('cert');
  const push = new TestPush();
  const one = sequencer({ feeds: [feed], push });
  await one.start();
  await waitFor(() => one.state.intakes.length === 1, { what: 'the session' });
  for (let round = 0; round < 10; round++) {
    const events = feed.emit(40);
    // Some are lost, some come twice, and all come backwards.
    const pushed = events.filter((_, i) => (i + round) % 7 !== 3).toReversed();
    push.send('cert', pushed.slice(0, 20));
    push.send('cert', pushed);
  }
  await waitFor(() => hasAll([feed]), { what: 'all events in the log' });
  await expectWhole([feed]);
  expect(one.conflicts).toEqual([]);
});

test('a loss at the end, which makes no gap, is healed by the feed', async () => {
  const feed = new TestFeed('cert');
  const push = new TestPush();
  const one = sequencer({ feeds: [feed], push });
  await one.start();
  await waitFor(() => feed.reads > 0, { what: 'the first read' });
  push.send('cert', feed.emit(5));
  await waitFor(() => hasAll([feed]), { what: 'the pushed events' });
  feed.emit(3);
  await waitFor(() => hasAll([feed]), { what: 'the lost events', timeoutMs: 6_000 });
});

test('a pushed batch is taken when its events are committed, and not before', async () => {
  const feed = new TestFeed('cert');
  let take: ((numbers: readonly bigint[]) => Promise<void>) | undefined;
  const push: EventPush = {
    connected: true,
    subscribe: (subscription) => ({
      start: async () => {
        take = (numbers) =>
          subscription.take(
            numbers.map((number) => sampleReceived({ source: 'cert', number })),
            AbortSignal.timeout(5_000),
          );
      },
      stop: async () => undefined,
    }),
  };
  const one = sequencer({ feeds: [feed], push });
  await one.start();
  const taking = await waitFor(() => take, { what: 'the subscription' });
  await taking([2n, 1n]);
  expect((await database.stores().reader.positions()).get('cert')).toBe(2n);
  // Again, as after an acknowledgement that was lost.
  await taking([1n, 2n]);
  expect(await rows()).toHaveLength(2);
});

test('two sequencers that fight over the lease leave one log', { timeout: 60_000 }, async () => {
  const feeds = ['cert', 'signer'].map((source) => new TestFeed(source));
  const push = new TestPush();
  const fighters = ['one', 'two'].map((holder) => sequencer({ feeds, push, holder, ttlMs: 1_000 }));
  for (const fighter of fighters) await fighter.start();
  for (let round = 0; round < 12; round++) {
    for (const feed of feeds)
      push.send(
        feed.source,
        feed.emit(60).filter((_, i) => i % 3 !== round % 3),
      );
    // The lease is torn from whoever has it, in the midst of its work, and is free for both.
    await database.admin
      .sql`update leases set expires_at = clock_timestamp(), fence = fence + 1 where name = ${LEASES.sequencer}`;
    const size = (await database.stores().reader.tree()).size;
    await waitFor(async () => (await database.stores().reader.tree()).size > size || (await hasAll(feeds)), {
      what: 'the log to grow',
    });
  }
  await waitFor(() => hasAll(feeds), { what: 'all events in the log', timeoutMs: 20_000 });
  await expectWhole(feeds);
  expect(fighters.flatMap(({ conflicts }) => conflicts)).toEqual([]);
});

test('a stale sequencer that does not know it yet commits nothing', async () => {
  const feed = new TestFeed('cert');
  const one = sequencer({ feeds: [feed], holder: 'one' });
  await one.start();
  feed.emit(1);
  await waitFor(() => hasAll([feed]), { what: 'the first event' });
  // Another took the lease over; the first has not asked since.
  await database.admin
    .sql`update leases set fence = fence + 1, holder = 'two', expires_at = clock_timestamp() + interval '1 minute'`;
  feed.emit(1);
  await waitFor(() => one.observer.failures.length > 0, { what: 'the refusal' });
  expect(one.observer.failures[0]?.error).toMatchObject({ code: 'lease-lost' });
  expect(await rows()).toHaveLength(1);
});

test('what cannot be read blocks nothing behind it', async () => {
  const feed = new TestFeed('cert');
  feed.emit(2);
  feed.emit(1, { salt: new Uint8Array(3) });
  feed.emit(1, { subject: 'a\0b' });
  feed.emit(2);
  const one = sequencer({ feeds: [feed] });
  await one.start();
  await waitFor(() => hasAll([feed]), { what: 'all events in the log' });
  expect((await rows()).map(({ problem }) => problem)).toEqual([
    null,
    null,
    'salt is not 32 bytes',
    'subject has a null character',
    null,
    null,
  ]);
  await expectWhole([feed]);
});

test('a source that tells another story sets off the alarm, and the first story stands', async () => {
  const feed = new TestFeed('cert');
  const push = new TestPush();
  const one = sequencer({ feeds: [feed], push });
  await one.start();
  feed.emit(3);
  await waitFor(() => hasAll([feed]), { what: 'all events in the log' });
  push.send('cert', [sampleReceived({ source: 'cert', number: 2n }, { subject: 'forged' })]);
  await waitFor(() => one.conflicts.length === 1, { what: 'the alarm' });
  expect(one.conflicts[0]).toMatchObject({ kind: 'number-reused', source: 'cert', number: 2n, index: 1n });
  const [recorded] = await database.db.sql<
    { number: bigint; offered: Uint8Array }[]
  >`select number, offered from conflicts`;
  expect(recorded?.number).toBe(2n);
  expect(Buffer.from(recorded?.offered ?? []).includes('forged')).toBe(true);
  await expectWhole([feed]);
});

test('a source that comes back, and one that stays away, do not hold up the others', async () => {
  const [cert, signer] = [new TestFeed('cert'), new TestFeed('signer')];
  cert.failure = new Error('away');
  signer.emit(3);
  const one = sequencer({ feeds: [cert, signer] });
  await one.start();
  await waitFor(() => hasAll([signer]), { what: 'the events of signer' });
  cert.emit(2);
  cert.failure = undefined;
  await waitFor(() => hasAll([cert, signer]), { what: 'the events of cert' });
});

test('a restart goes on where the log is', async () => {
  const feed = new TestFeed('cert');
  feed.emit(300);
  const first = sequencer({ feeds: [feed] });
  await first.start();
  await waitFor(() => hasAll([feed]), { what: 'all events in the log' });
  await first.stop();
  feed.emit(300);
  const second = sequencer({ feeds: [feed], holder: 'two' });
  await second.start();
  await waitFor(() => hasAll([feed]), { what: 'the new events' });
  await expectWhole([feed]);
  expect(second.conflicts).toEqual([]);
});

test('a fork holds the log on every replica until the witness accepts it', async () => {
  const feed = new TestFeed('cert');
  const one = sequencer({ feeds: [feed] });
  await one.start();
  feed.emit(2);
  await waitFor(() => hasAll([feed]), { what: 'all events in the log' });
  const right = await database.lease(LEASES.checkpointer, 'test').acquire();
  if (right === undefined) throw new Error('a fresh lease is free');
  const { reader, checkpoints } = database.stores();
  await checkpoints.hold(right, 'a fork');
  feed.emit(1);
  await waitFor(() => one.observer.failures.length > 0, { what: 'the refusal' });
  expect(one.observer.failures[0]?.error).toMatchObject({ code: 'log-held' });
  await publishCheckpoint({ log: reader, checkpoints, witness: new TestWitness() }, right);
  await waitFor(() => hasAll([feed]), { what: 'the event that was held up' });
});
