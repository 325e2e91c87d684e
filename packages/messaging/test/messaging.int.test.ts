import { create, toBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { sleep } from '@cert-tasks/kernel';
import { Metrics } from '@cert-tasks/telemetry';
import {
  type RecordingObserver,
  recordingObserver,
  startTestNats,
  type TestNats,
  testLog,
  testSignal,
  waitFor,
} from '@cert-tasks/testkit';
import { connect, DiscardPolicy, RetentionPolicy, StorageType } from 'nats';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  EventConsumer,
  type EventConsumerOptions,
  type EventMessage,
  hintSubject,
  JetStreamPublisher,
  NatsConnection,
  type ReceivedEvent,
  StreamOwner,
  type UndecodableMessage,
} from '../src/index.ts';

let nats: TestNats;
let observer: RecordingObserver;
const services: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  nats = await startTestNats();
});
beforeEach(() => {
  observer = recordingObserver();
});
afterEach(async () => {
  for (const service of services.splice(0).reverse()) await service.stop();
  await nats.start();
  await asAdmin(async ({ manager }) => {
    for await (const { config } of manager.streams.list()) await manager.streams.delete(config.name);
  });
});
afterAll(() => nats[Symbol.asyncDispose]());

const started = async <S extends { start(): Promise<void>; stop(): Promise<void> }>(service: S): Promise<S> => {
  services.push(service);
  await service.start();
  return service;
};

async function asAdmin<T>(
  use: (admin: {
    client: Awaited<ReturnType<typeof connect>>;
    manager: Awaited<ReturnType<Awaited<ReturnType<typeof connect>>['jetstreamManager']>>;
  }) => Promise<T>,
): Promise<T> {
  const { user, password } = nats.credentials('stack');
  const client = await connect({ servers: new URL(nats.url).host, user, pass: password });
  try {
    return await use({ client, manager: await client.jetstreamManager() });
  } finally {
    await client.close();
  }
}

async function connection(
  user: 'cert' | 'audit',
  metrics = new Metrics({ processMetrics: false }),
): Promise<NatsConnection> {
  const { log } = testLog();
  const target = { url: nats.url, credentials: nats.credentials(user), name: `test-${user}` };
  return started(new NatsConnection({ ...target, log, metrics }));
}
const connected = (target: NatsConnection): Promise<boolean> =>
  waitFor(() => target.connected, { what: 'the connection' });

async function producer(options: { maxBytes?: number } = {}) {
  const link = await connection('cert');
  const owner = await started(new StreamOwner({ connection: link, source: 'cert', observer, ...options }));
  await connected(link);
  await waitFor(() => owner.ensure().then(() => true), { what: 'the stream' });
  return { link, owner, publisher: new JetStreamPublisher({ connection: link, owner }) };
}

const uuid = (number: number): string => `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const message = (number: number, size = 0): EventMessage => ({
  id: uuid(number),
  source: 'cert',
  type: 'certificate.created',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  bytes: toBinary(
    EventSchema,
    create(EventSchema, { id: uuid(number), source: 'cert', number: BigInt(number), userAgent: 'x'.repeat(size) }),
  ),
});
const messages = (from: number, to: number): EventMessage[] =>
  Array.from({ length: to - from + 1 }, (_, i) => message(from + i));

async function consumer(options: Partial<EventConsumerOptions> = {}) {
  const link = await connection('audit');
  const numbers: bigint[] = [];
  const undecodable: UndecodableMessage[] = [];
  const batches: number[] = [];
  const receiver = await started(
    new EventConsumer({
      connection: link,
      source: 'cert',
      consumer: 'audit',
      handle: async (batch) => {
        batches.push(batch.length);
        numbers.push(...batch.map(({ event }) => event.number));
      },
      handleUndecodable: async (each) => void undecodable.push(each),
      observer,
      ackWaitMs: 1_000,
      ...options,
    }),
  );
  const subscribed = (): Promise<unknown> =>
    waitFor(
      () => asAdmin(async ({ manager }) => (await manager.consumers.info('EVENTS_CERT', 'audit')).num_waiting > 0),
      { what: 'the consumer to pull' },
    );
  const unacknowledged = (): Promise<number> =>
    asAdmin(async ({ manager }) => {
      const info = await manager.consumers.info('EVENTS_CERT', 'audit');
      return info.num_ack_pending + info.num_pending;
    });
  return { link, receiver, numbers, undecodable, batches, subscribed, unacknowledged };
}

const range = (from: number, to: number): bigint[] => Array.from({ length: to - from + 1 }, (_, i) => BigInt(from + i));

describe('NatsConnection', () => {
  it('starts while NATS is away, and connects when it comes', async () => {
    await nats.stop();
    const metrics = new Metrics({ processMetrics: false });
    const began = performance.now();
    const link = await connection('cert', metrics);
    expect(performance.now() - began).toBeLessThan(500);
    expect(link.connected).toBe(false);
    expect(await metrics.render()).toContain('certtasks_nats_connected 0');
    expect(() => link.client()).toThrow(expect.objectContaining({ code: 'nats-unavailable' }));
    link.publishHint('hints.cert.x');
    await sleep(300);
    await nats.start();
    await connected(link);
    expect(await metrics.render()).toContain('certtasks_nats_connected 1');
  });

  it('comes back after the server was killed, again and again', async () => {
    const link = await connection('cert');
    const there = testSignal('connected');
    link.onConnected(() => there.emit());
    for (let i = 0; i < 3; i++) {
      await there.next();
      await nats.kill();
      await waitFor(() => !link.connected, { what: 'the loss of the connection' });
      await nats.start();
    }
    await there.next();
    expect(link.connected).toBe(true);
  });

  it('is not connected with a wrong password, and stops all the same', async () => {
    const { log, lines } = testLog();
    const credentials = { user: 'cert', password: 'hunter2' };
    const metrics = new Metrics({ processMetrics: false });
    const link = new NatsConnection({ url: nats.url, credentials, name: 'test', log, metrics });
    await link.start();
    await waitFor(() => lines.some((line) => line.includes('cannot be reached')), { what: 'a warning' });
    expect(link.connected).toBe(false);
    await link.stop();
    expect(lines.join('')).not.toContain('hunter2');
  });

  it('stops while it is connecting to what never answers', async () => {
    await nats.stop();
    const link = await connection('cert');
    const began = performance.now();
    await link.stop();
    expect(performance.now() - began).toBeLessThan(6_000);
    await link.stop();
  });
});

describe('hints', () => {
  it('come to those who listen, also after a reconnect', async () => {
    const sender = await connection('cert');
    const listener = await connection('audit');
    const subject = hintSubject({ source: 'cert', name: 'outbox' });
    const heard = testSignal('hint');
    const unsubscribe = listener.subscribeHint(subject, () => heard.emit());
    await Promise.all([connected(sender), connected(listener)]);
    const hintUntilHeard = (): Promise<unknown> =>
      waitFor(
        async () => {
          sender.publishHint(subject);
          await sleep(20);
          return heard.pending > 0;
        },
        { what: 'a hint' },
      );
    await hintUntilHeard();
    await nats.kill();
    await nats.start();
    while (heard.pending > 0) await heard.next();
    await Promise.all([connected(sender), connected(listener)]);
    await hintUntilHeard();
    unsubscribe();
    await listener.client().flush();
    while (heard.pending > 0) await heard.next();
    sender.publishHint(subject);
    await sender.client().flush();
    await listener.client().flush();
    expect(heard.pending).toBe(0);
  });
});

describe('StreamOwner', () => {
  it('makes the stream as it should be', async () => {
    await producer({ maxBytes: 1_000_000 });
    const config = await asAdmin(async ({ manager }) => (await manager.streams.info('EVENTS_CERT')).config);
    expect(config).toMatchObject({
      subjects: ['events.cert.>'],
      storage: 'file',
      retention: 'interest',
      discard: 'new',
      max_bytes: 1_000_000,
      duplicate_window: 120_000_000_000,
      num_replicas: 1,
    });
  });

  it('changes a stream to what it should be', async () => {
    const { owner } = await producer();
    await asAdmin(async ({ manager }) => {
      const { config } = await manager.streams.info('EVENTS_CERT');
      await manager.streams.update('EVENTS_CERT', { ...config, max_bytes: 4_096 });
    });
    await owner.ensure();
    const config = await asAdmin(async ({ manager }) => (await manager.streams.info('EVENTS_CERT')).config);
    expect(config.max_bytes).toBe(256 * 1024 * 1024);
  });

  it('says in which settings a stream differs that cannot be changed', async () => {
    await asAdmin(({ manager }) =>
      manager.streams.add({
        name: 'EVENTS_CERT',
        subjects: ['events.cert.>'],
        storage: StorageType.Memory,
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
      }),
    );
    const link = await connection('cert');
    await connected(link);
    const owner = new StreamOwner({ connection: link, source: 'cert', observer });
    await expect(owner.ensure()).rejects.toMatchObject({
      code: 'stream-config-differs',
      message: expect.stringMatching(/retention.*storage/),
    });
  });

  it('makes the stream again when it vanishes', async () => {
    const { publisher } = await producer();
    await publisher.publish(messages(1, 3));
    await asAdmin(({ manager }) => manager.streams.delete('EVENTS_CERT'));
    await waitFor(() => publisher.publish(messages(4, 6)).then(() => true), { what: 'publishing again' });
  });
});

describe('JetStreamPublisher', () => {
  it('publishes in order, once for each message id, with trace context', async () => {
    await producer();
    const { publisher } = await producer();
    const { subscribed, numbers } = await consumer();
    await subscribed();
    const headers = await asAdmin(async ({ client }) => {
      const seen = client.subscribe('events.cert.>', { max: 1 });
      await client.flush();
      await publisher.publish(messages(1, 500));
      for await (const { headers: found, subject } of seen) return { traceparent: found?.get('traceparent'), subject };
      return undefined;
    });
    expect(headers).toEqual({ traceparent: message(1).traceparent, subject: 'events.cert.certificate.created' });
    await publisher.publish(messages(1, 502));
    await waitFor(() => numbers.length >= 502, { what: 'the events' });
    await sleep(100);
    expect(numbers).toEqual(range(1, 502));
  });

  it('fails while NATS is away, and when the stream is full', async () => {
    const { publisher, link } = await producer({ maxBytes: 20_000 });
    // With a consumer that acknowledges nothing the stream fills up.
    await asAdmin(({ manager }) => manager.consumers.add('EVENTS_CERT', { durable_name: 'idle' }));
    const large = Array.from({ length: 40 }, (_, i) => message(i + 1, 1_000));
    await expect(publisher.publish(large)).rejects.toMatchObject({
      code: 'publish-failed',
      message: expect.stringMatching(/took \d\d? of 40/),
    });
    await nats.stop();
    await waitFor(() => !link.connected, { what: 'the loss of the connection' });
    await expect(publisher.publish(messages(1, 1))).rejects.toMatchObject({ code: 'nats-unavailable' });
  });

  it('cannot publish for another service', async () => {
    const { publisher } = await producer();
    await expect(publisher.publish([{ ...message(1), source: 'signer' }])).rejects.toMatchObject({
      code: 'publish-failed',
    });
  });
});

describe('EventConsumer', () => {
  it('takes in batches and acknowledges them', async () => {
    const { publisher } = await producer();
    const { subscribed, numbers, batches, unacknowledged } = await consumer({ maxBatch: 100 });
    await subscribed();
    for (let from = 1; from <= 2_000; from += 500) await publisher.publish(messages(from, from + 499));
    await waitFor(() => numbers.length >= 2_000, { what: 'the events' });
    expect(numbers).toEqual(range(1, 2_000));
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    expect(batches.length).toBeLessThan(1_000);
    await waitFor(async () => (await unacknowledged()) === 0, { what: 'acknowledgements' });
  });

  it('gets again what was not taken in', async () => {
    const { publisher } = await producer();
    let failures = 3;
    const taken: bigint[] = [];
    const { subscribed, unacknowledged } = await consumer({
      handle: async (batch: readonly ReceivedEvent[]) => {
        if (failures-- > 0) throw new Error('the database is away');
        taken.push(...batch.map(({ event }) => event.number));
      },
    });
    await subscribed();
    await publisher.publish(messages(1, 50));
    await waitFor(() => new Set(taken).size === 50, { what: 'the events' });
    expect(observer.failures.some(({ loop }) => loop === 'event-handle-cert')).toBe(true);
    await waitFor(async () => (await unacknowledged()) === 0, { what: 'acknowledgements' });
  });

  it('hands over what is no event, and is not held up by it', async () => {
    const { publisher, link } = await producer();
    const { subscribed, numbers, undecodable, unacknowledged } = await consumer();
    await subscribed();
    const jetstream = link.client().jetstream();
    await publisher.publish(messages(1, 1));
    await jetstream.publish('events.cert.certificate.created', new TextEncoder().encode('garbage'));
    await jetstream.publish('events.cert.x', { ...message(9) }.bytes.subarray(0, 20));
    const stranger = create(EventSchema, { id: uuid(5), source: 'signer', number: 5n });
    await jetstream.publish('events.cert.certificate.created', toBinary(EventSchema, stranger));
    await publisher.publish(messages(2, 2));
    await waitFor(() => numbers.length === 2 && undecodable.length === 3, { what: 'all five' });
    expect(numbers).toEqual([1n, 2n]);
    expect(undecodable.map(({ source }) => source)).toEqual(['cert', 'cert', 'cert']);
    expect(undecodable[0]).toMatchObject({ raw: new TextEncoder().encode('garbage'), reason: expect.any(String) });
    await waitFor(async () => (await unacknowledged()) === 0, { what: 'acknowledgements' });
  });

  it('has few under way while handling is slow', async () => {
    const { publisher } = await producer();
    const hold = Promise.withResolvers<void>();
    const { subscribed } = await consumer({ maxBatch: 10, ackWaitMs: 30_000, handle: () => hold.promise });
    await subscribed();
    await publisher.publish(messages(1, 200));
    await waitFor(
      () =>
        asAdmin(async ({ manager }) => (await manager.consumers.info('EVENTS_CERT', 'audit')).num_ack_pending === 20),
      { what: '20 events under way' },
    );
    await sleep(200);
    expect(
      await asAdmin(async ({ manager }) => (await manager.consumers.info('EVENTS_CERT', 'audit')).num_ack_pending),
    ).toBe(20);
    hold.resolve();
  });

  it('shares events between replicas', async () => {
    const { publisher } = await producer();
    const first = await consumer({ maxBatch: 5 });
    const second = await consumer({ maxBatch: 5 });
    await first.subscribed();
    await waitFor(
      () => asAdmin(async ({ manager }) => (await manager.consumers.info('EVENTS_CERT', 'audit')).num_waiting >= 2),
      { what: 'both to pull' },
    );
    await publisher.publish(messages(1, 500));
    await waitFor(() => first.numbers.length + second.numbers.length >= 500, { what: 'the events' });
    const all = [...first.numbers, ...second.numbers];
    expect(new Set(all).size).toBe(500);
    expect(first.numbers.length).toBeGreaterThan(0);
    expect(second.numbers.length).toBeGreaterThan(0);
  });

  it('waits for a stream that is not there yet', async () => {
    const { numbers, subscribed } = await consumer();
    await sleep(300);
    const { publisher } = await producer();
    await subscribed();
    await publisher.publish(messages(1, 2));
    await waitFor(() => numbers.length === 2, { what: 'the events' });
  });

  it.each(['kill', 'wipe'] as const)(
    'goes on after a %s of NATS',
    async (fault) => {
      const { publisher } = await producer();
      const { numbers, subscribed } = await consumer();
      await subscribed();
      await publisher.publish(messages(1, 10));
      await waitFor(() => numbers.length >= 10, { what: 'the events' });
      await nats[fault]();
      await nats.start();
      await waitFor(() => publisher.publish(messages(11, 20)).then(() => true), {
        what: 'publishing again',
        timeoutMs: 20_000,
      });
      // A wiped server may have taken these before the consumer was made again: publishing goes on until it gets some.
      let next = 21;
      await waitFor(
        async () => {
          await publisher.publish([message(next++)]).catch(() => undefined);
          await sleep(50);
          return numbers.some((number) => number > 20n);
        },
        { what: 'events after the fault', timeoutMs: 20_000 },
      );
    },
    60_000,
  );

  it('notices that its consumer was deleted', async () => {
    const { publisher } = await producer();
    const { numbers, subscribed } = await consumer();
    await subscribed();
    await asAdmin(({ manager }) => manager.consumers.delete('EVENTS_CERT', 'audit'));
    await subscribed();
    await publisher.publish(messages(1, 3));
    await waitFor(() => numbers.length === 3, { what: 'the events' });
  });

  it('says when the server has another consumer than it should', async () => {
    await producer();
    await asAdmin(({ manager }) =>
      manager.consumers.add('EVENTS_CERT', { durable_name: 'audit', deliver_subject: 'push.to.somebody' }),
    );
    await consumer();
    await waitFor(() => observer.failures.some(({ loop }) => loop === 'event-subscribe-cert'), { what: 'a failure' });
  });

  it('lets the batch that is handled end when it stops', async () => {
    const { publisher } = await producer();
    const begun = testSignal('begun');
    const taken: bigint[] = [];
    const { subscribed, receiver } = await consumer({
      maxBatch: 3,
      handle: async (batch, signal) => {
        begun.emit();
        await sleep(200);
        expect(signal.aborted).toBe(true);
        taken.push(...batch.map(({ event }) => event.number));
      },
    });
    await subscribed();
    await publisher.publish(messages(1, 1));
    await begun.next();
    await receiver.stop();
    expect(taken).toEqual([1n]);
    const left = await asAdmin(
      async ({ manager }) => (await manager.consumers.info('EVENTS_CERT', 'audit')).num_ack_pending,
    );
    expect(left).toBe(0);
  });
});
