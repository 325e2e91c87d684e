import { toBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import type { Service } from '@cert-tasks/lifecycle';
import { JetStreamPublisher, NatsConnection, StreamOwner } from '@cert-tasks/messaging';
import { Metrics } from '@cert-tasks/telemetry';
import { recordingObserver, startTestNats, type TestNats, testLog, waitFor } from '@cert-tasks/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyLog } from '../src/fsck.ts';
import { JetStreamPush } from '../src/infrastructure/nats/jetstream-push.ts';
import { sampleEvent } from '../src/testing/sample-events.ts';
import { TestFeed } from '../src/testing/test-feed.ts';
import { type AuditDatabase, auditDatabase } from './audit-database.ts';
import { testSequencer } from './test-sequencer.ts';

let nats: TestNats;
let database: AuditDatabase;
const running: Pick<Service, 'stop'>[] = [];

beforeEach(async () => {
  nats = await startTestNats();
  database = await auditDatabase();
});
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
  await database.close();
  await nats[Symbol.asyncDispose]();
});

async function connection(user: 'cert' | 'audit'): Promise<NatsConnection> {
  const made = new NatsConnection({
    url: nats.url,
    credentials: nats.credentials(user),
    name: user,
    log: testLog().log,
    metrics: new Metrics({ processMetrics: false }),
  });
  running.push(made);
  await made.start();
  return made;
}

/** cert as a producer: what it emits is in its feed, and is published if the test wants it. */
async function producer() {
  const feed = new TestFeed('cert');
  const connected = await connection('cert');
  const owner = new StreamOwner({ connection: connected, source: 'cert', observer: recordingObserver() });
  running.push(owner);
  await owner.start();
  const publisher = new JetStreamPublisher({ connection: connected, owner });
  const publish = async (numbers: readonly bigint[]): Promise<void> => {
    const batch = numbers.map((number) => {
      const event = sampleEvent({ source: 'cert', number });
      return { id: event.id, source: 'cert', type: event.type, traceparent: '', bytes: toBinary(EventSchema, event) };
    });
    await waitFor(() => publisher.publish(batch).then(() => true), { what: 'the stream' });
  };
  return { feed, publish, connected };
}

async function position(): Promise<bigint> {
  return (await database.stores().reader.positions()).get('cert') ?? 0n;
}

async function sequencing(feed: TestFeed) {
  const connected = await connection('audit');
  const push = new JetStreamPush({ connection: connected, observer: recordingObserver(), log: testLog().log });
  const sequencer = testSequencer(database, { feeds: [feed], push });
  running.push(sequencer);
  await sequencer.loop.start();
  return sequencer;
}

/** Emits until an event is pushed; those before are discarded by a stream that has no consumer yet. Returns the last number. */
async function untilPushed(
  sequencer: Awaited<ReturnType<typeof sequencing>>,
  { feed, publish }: Pick<Awaited<ReturnType<typeof producer>>, 'feed' | 'publish'>,
): Promise<bigint> {
  await waitFor(
    async () => {
      const [event] = feed.emit(1);
      await publish([event?.number ?? 0n]);
      return sequencer.state.intakes[0]?.pushWorks === true;
    },
    { what: 'a pushed event', timeoutMs: 20_000 },
  );
  await waitFor(async () => (await position()) === feed.lastNumber, { what: 'all events so far' });
  return feed.lastNumber;
}

test('events come by JetStream, and the feed is left in peace', async () => {
  const { feed, publish } = await producer();
  const sequencer = await sequencing(feed);
  const first = await untilPushed(sequencer, { feed, publish });
  const reads = feed.reads;
  // The feed knows nothing of these: they can only have been pushed.
  const last = first + 198n;
  for (let number = first + 1n; number <= last; number += 33n) {
    await publish(Array.from({ length: 33 }, (_, i) => number + BigInt(i)));
  }
  // Its number of events is told by no read, or the feed would seem to be behind the log.
  await waitFor(async () => (await position()) === last, { what: 'all pushed events', timeoutMs: 2_500 });
  expect(feed.reads - reads).toBeLessThanOrEqual(4);
  expect(await verifyLog(database.db)).toEqual([]);
});

test('a broker that dies, and comes back without its memory, loses nothing', async () => {
  const { feed, publish } = await producer();
  const sequencer = await sequencing(feed);
  feed.emit(2);
  await publish([1n, 2n]);
  await waitFor(async () => (await position()) === 2n, { what: 'the first events', timeoutMs: 20_000 });
  await nats.kill();
  feed.emit(10);
  await waitFor(async () => (await position()) === 12n, { what: 'the events of the feed' });
  await nats.wipe();
  await nats.start();
  feed.emit(1);
  await publish([13n]);
  await waitFor(async () => (await position()) === 13n, { what: 'the event after the wipe' });
  await untilPushed(sequencer, { feed, publish });
  expect(sequencer.conflicts).toEqual([]);
  expect(await verifyLog(database.db)).toEqual([]);
});

test('a message that is no event makes the feed be read, and blocks nothing', async () => {
  const { feed, publish, connected } = await producer();
  const sequencer = await sequencing(feed);
  const last = await untilPushed(sequencer, { feed, publish });
  feed.emit(1);
  const publisher = new JetStreamPublisher({ connection: connected });
  await publisher.publish([
    { id: 'x', source: 'cert', type: 'certificate.created', traceparent: '', bytes: Uint8Array.of(255, 255) },
  ]);
  await waitFor(() => sequencer.state.unreadable === 1, { what: 'the message' });
  await waitFor(async () => (await position()) === last + 1n, { what: 'the event of the feed', timeoutMs: 2_000 });
  feed.emit(1);
  await publish([last + 2n]);
  await waitFor(async () => (await position()) === last + 2n, { what: 'the next event' });
});
