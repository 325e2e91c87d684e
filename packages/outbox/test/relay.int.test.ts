import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { sleep } from '@cert-tasks/kernel';
import { recordingObserver, waitFor } from '@cert-tasks/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { appendEvents, type OutboxRelay } from '../src/index.ts';
import { type Fixture, fixture, MemoryBroker, newEvent, numbersOf, TTL_MS, tables } from './outbox-fixture.ts';

let fx: Fixture;
beforeAll(async () => {
  fx = await fixture();
});
beforeEach(() => fx.clear());
afterAll(() => fx.end());

const published = (broker: MemoryBroker, count: number): Promise<unknown> =>
  waitFor(() => broker.numbers.length >= count, { what: `${count} published events`, timeoutMs: 20_000 });

const upTo = (count: number): bigint[] => Array.from({ length: count }, (_, i) => BigInt(i + 1));

describe('appendEvents', () => {
  it('keeps events with their change, or neither', async () => {
    const refused = fx.db.transaction('t', async (tx) => {
      await appendEvents(tx, { tables, source: 'cert', events: [newEvent('lost')] });
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    const ids = await fx.append(3);
    expect(new Set(ids).size).toBe(3);
    const rows = await fx.db.sql<
      { id: string; body: Uint8Array }[]
    >`select event_id::text as id, body from outbox order by outbox.id`;
    expect(rows.map(({ id }) => id)).toEqual(ids);
    const events = rows.map(({ body }) => fromBinary(EventSchema, body));
    expect(events.map(({ id, subject }) => ({ id, subject }))).toEqual(ids.map((id, i) => ({ id, subject: `s/${i}` })));
    expect(new Set(events.map(({ salt }) => Buffer.from(salt).toString('hex'))).size).toBe(3);
  });

  it('appends none when one is refused', async () => {
    const events = [newEvent('ok'), { ...newEvent('large'), data: { text: 'x'.repeat(40_000) } }];
    const append = fx.db.transaction('t', (tx) => appendEvents(tx, { tables, source: 'cert', events }));
    await expect(append).rejects.toMatchObject({ code: 'event-too-large' });
    expect(await fx.db.sql`select 1 from outbox`).toEqual([]);
  });
});

describe('OutboxRelay', () => {
  it('numbers events in order of their ids and publishes them with their numbers', async () => {
    const broker = new MemoryBroker();
    const relay = fx.relay(broker);
    const ids = await fx.append(1_234);
    await relay.start();
    await published(broker, 1_234);
    await relay.stop();
    expect(broker.received.map(({ id }) => id)).toEqual(ids);
    expect(broker.received.map(({ number }) => number)).toEqual(upTo(1_234));
    expect([...(await numbersOf(fx.db)).keys()]).toEqual(ids);
    const last = broker.received.at(-1);
    expect(fromBinary(EventSchema, last?.bytes ?? new Uint8Array())).toMatchObject({
      number: 1_234n,
      subject: 's/1233',
    });
    expect(last).toMatchObject({ source: 'cert', type: 'certificate.created' });
  });

  it('acts at once when it is woken, and by itself when it is not', async () => {
    const broker = new MemoryBroker();
    const relay = fx.relay(broker, { pollMs: 60_000 });
    await relay.start();
    await waitFor(() => relay.leading, { what: 'leading' });
    await sleep(50);
    await fx.append(1);
    relay.wake();
    await published(broker, 1);
    await relay.stop();

    const polling = fx.relay(broker);
    await polling.start();
    await waitFor(() => polling.leading, { what: 'leading' });
    await fx.append(1);
    await published(broker, 2);
    await polling.stop();
  });

  it('gives a late commit of a low id a later number', async () => {
    const broker = new MemoryBroker();
    const relay = fx.relay(broker);
    await relay.start();
    const appended = Promise.withResolvers<readonly string[]>();
    const commit = Promise.withResolvers<void>();
    const slow = fx.db.transaction('slow', async (tx) => {
      appended.resolve(await appendEvents(tx, { tables, source: 'cert', events: [newEvent('slow')] }));
      await commit.promise;
    });
    const [slowId = ''] = await appended.promise;
    const [fastId = ''] = await fx.append(1);
    await published(broker, 1);
    commit.resolve();
    await slow;
    await published(broker, 2);
    await relay.stop();
    const numbers = await numbersOf(fx.db);
    expect([numbers.get(fastId), numbers.get(slowId)]).toEqual([1n, 2n]);
  });

  it('skips nothing and numbers nothing twice, with many writers, slow and refused ones, and relays that fight', async () => {
    const broker = new MemoryBroker();
    const observer = recordingObserver();
    const relays = ['x', 'y', 'z'].map((name) =>
      fx.relay(broker, { db: fx.connect(`fighter-${name}`), holder: name, observer, pollMs: 5, leaseTtlMs: 1_000 }),
    );
    await Promise.all(relays.map((relay) => relay.start()));
    const committed: string[] = [];
    let fence = 0n;
    // On until the lease has changed hands often enough, however fast the machine is.
    const write = async (worker: number): Promise<void> => {
      for (let i = 0; i < 40 || (fence <= 3n && i < 5_000); i++) {
        const dice = Math.random();
        await fx.db
          .transaction('write', async (tx) => {
            const events = Array.from({ length: 1 + (i % 4) }, (_, n) => newEvent(`w${worker}/${i}/${n}`));
            const ids = await appendEvents(tx, { tables, source: 'cert', events });
            if (dice < 0.3) await sleep(Math.random() * 60);
            if (dice > 0.85) throw new Error('refused');
            return ids;
          })
          .then(
            (ids) => committed.push(...ids),
            (error: Error) => expect(error.message).toBe('refused'),
          );
        relays[worker % 3]?.wake();
      }
    };
    // Meanwhile leases are stolen from under the leaders, and their connections are ended.
    const stop = new AbortController();
    const admin = fx.connect('troublemaker');
    const trouble = (async (): Promise<void> => {
      while (!stop.signal.aborted) {
        await admin.sql`update leases set expires_at = clock_timestamp()`;
        await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name like 'fighter-%' and random() < 0.2`;
        fence = (await admin.sql<{ fence: bigint }[]>`select fence from leases`)[0]?.fence ?? 0n;
        await sleep(120);
      }
    })();
    await Promise.all(Array.from({ length: 12 }, (_, worker) => write(worker)));
    stop.abort();
    await trouble;
    await published(broker, committed.length);
    await Promise.all(relays.map((relay) => relay.stop()));

    const numbers = await numbersOf(fx.db);
    expect([...numbers.keys()].sort()).toEqual(committed.toSorted());
    expect(fence).toBeGreaterThan(3n);
    for (const { id, number } of broker.received) expect(numbers.get(id)).toBe(number);
  }, 60_000);

  it('keeps a former leader from numbering', async () => {
    const broker = new MemoryBroker();
    const slow = fx.connect('slow-leader');
    const relay = fx.relay(broker, { db: slow, pollMs: 10 });
    await relay.start();
    await waitFor(() => relay.leading, { what: 'leading' });
    // A new leader, of which the former one knows nothing until it renews.
    await fx.db
      .sql`update leases set holder = 'other', fence = fence + 1, expires_at = clock_timestamp() + interval '1 hour'`;
    await fx.append(5);
    await waitFor(() => !relay.leading, { what: 'the former leader to notice' });
    expect(await fx.db.sql`select 1 from outbox where number is not null`).toEqual([]);
    await relay.stop();
  });

  it('goes on numbering while the broker is away or hangs, and publishes on when it is back', async () => {
    const broker = new MemoryBroker();
    broker.away = true;
    const relay = fx.relay(broker);
    await relay.start();
    await fx.append(700);
    await waitFor(() => numbersOf(fx.db).then((numbers) => numbers.size === 700), { what: 'numbers' });
    expect(broker.received).toEqual([]);
    broker.away = false;
    await published(broker, 700);
    expect(broker.numbers).toEqual(upTo(700));

    const hang = Promise.withResolvers<void>();
    const { publish } = broker;
    broker.publish = async (batch) => {
      await hang.promise;
      await publish.call(broker, batch);
    };
    await fx.append(10);
    relay.wake();
    await waitFor(() => numbersOf(fx.db).then((numbers) => numbers.size === 710), { what: 'numbers' });
    await fx.append(10);
    await waitFor(() => numbersOf(fx.db).then((numbers) => numbers.size === 720), { what: 'more numbers' });
    hang.resolve();
    await published(broker, 720);
    await relay.stop();
    expect(await fx.db.sql`select published_number from outbox_state`).toEqual([{ published_number: 720n }]);
  });

  it('hands over when it stops, and tells others when it does not lead', async () => {
    const broker = new MemoryBroker();
    const relays: OutboxRelay[] = [];
    let hints = 0;
    const hintOthers = (): void => {
      hints += 1;
      for (const relay of relays) relay.wakeByHint();
    };
    relays.push(fx.relay(broker, { pollMs: 60_000, hintOthers }), fx.relay(broker, { pollMs: 60_000, hintOthers }));
    const [leader, follower] = relays;
    await leader?.start();
    await waitFor(() => leader?.leading === true, { what: 'leading' });
    await follower?.start();
    await fx.append(1);
    follower?.wake();
    await published(broker, 1);
    expect(hints).toBe(1);
    await leader?.stop();
    await waitFor(
      () => {
        follower?.wakeByHint();
        return follower?.leading;
      },
      { what: 'the follower to lead', timeoutMs: TTL_MS * 2 },
    );
    await follower?.stop();
  });

  it.each(['relay.stamp.before-commit', 'relay.stamp.after-commit', 'relay.publish.after-publish'])(
    'leaves nothing out of order when its process dies at %s',
    async (failpoint) => {
      await fx.append(50);
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'relay-process.ts'), fx.database.appUrl, failpoint],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      );
      const signal = await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)));
      expect(signal).toBe('SIGKILL');

      const broker = new MemoryBroker();
      const relay = fx.relay(broker);
      await relay.start();
      await fx.append(50);
      await published(broker, 100);
      await relay.stop();
      expect((await numbersOf(fx.db)).size).toBe(100);
      // What the dead one may have published is published again: the broker knows the ids.
      expect(broker.numbers).toEqual(upTo(100));
    },
  );
});
