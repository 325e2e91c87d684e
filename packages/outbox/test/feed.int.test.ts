import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { ReadEventsRequestSchema, ReportPositionRequestSchema } from '@cert-tasks/contracts/event/v1';
import { Metrics } from '@cert-tasks/telemetry';
import { recordingObserver, waitFor } from '@cert-tasks/testkit';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  appendEvents,
  eventFeedHandlers,
  OutboxMonitor,
  type OutboxRelay,
  pruneOutbox,
  readOutboxStatus,
} from '../src/index.ts';
import { type Fixture, fixture, MemoryBroker, newEvent, tables } from './outbox-fixture.ts';

let fx: Fixture;
let relay: OutboxRelay;
beforeAll(async () => {
  fx = await fixture();
});
beforeEach(async () => {
  await fx.clear();
  relay = fx.relay(new MemoryBroker(), { pollMs: 10 });
});
afterAll(() => fx.end());

const never = new AbortController().signal;
const ctx = (id = 'audit', signal: AbortSignal = never) => ({ principal: { kind: 'service', id }, signal });
const feed = (withRelay = false) =>
  eventFeedHandlers({
    db: fx.db,
    tables,
    source: 'cert',
    allowed: ['audit', 'signer'],
    ...(withRelay ? { relay } : {}),
  });
const read = (
  request: { after?: bigint; pageSize?: number; waitMs?: number },
  { withRelay = false, context = ctx() } = {},
) =>
  feed(withRelay).readEvents(
    context,
    create(ReadEventsRequestSchema, {
      afterNumber: request.after ?? 0n,
      pageSize: request.pageSize ?? 0,
      ...(request.waitMs === undefined ? {} : { wait: durationFromMs(request.waitMs) }),
    }),
  );
const report = (consumer: string, number: bigint, context = ctx()) =>
  feed().reportPosition(context, create(ReportPositionRequestSchema, { consumer, number }));

/** Appends and numbers. */
async function numbered(count: number): Promise<void> {
  await fx.append(count);
  await relay.start();
  await waitFor(async () => (await fx.db.sql`select 1 from outbox where number is null`).length === 0, {
    what: 'numbers',
  });
  await relay.stop();
}

describe('ReadEvents', () => {
  it('is empty before there is anything', async () => {
    expect(await read({})).toEqual({ events: [], lastNumber: 0n });
  });

  it('gives pages in order, the last number with each, and nothing that has no number', async () => {
    await numbered(1_200);
    await fx.append(3);
    const numbers: bigint[] = [];
    for (;;) {
      const { events = [], lastNumber } = await read({ after: numbers.at(-1) ?? 0n });
      expect(lastNumber).toBe(1_200n);
      if (events.length === 0) break;
      expect(events.length).toBeLessThanOrEqual(500);
      numbers.push(...events.map(({ number = 0n }) => number));
    }
    expect(numbers).toEqual(Array.from({ length: 1_200 }, (_, i) => BigInt(i + 1)));
    expect((await read({ pageSize: 7 })).events).toHaveLength(7);
    expect((await read({ pageSize: 1_000_000 })).events).toHaveLength(1_000);
  });

  it('keeps a page below the size that gRPC carries', async () => {
    const events = Array.from({ length: 100 }, () => ({ ...newEvent('large'), data: { text: 'x'.repeat(31_000) } }));
    await fx.db.transaction('t', (tx) => appendEvents(tx, { tables, source: 'cert', events }));
    await numbered(1);
    const page = (await read({ pageSize: 1_000 })).events ?? [];
    expect(page.length).toBeGreaterThan(50);
    expect(page.length).toBeLessThan(75);
    expect((await read({ after: BigInt(page.length) })).events?.[0]?.number).toBe(BigInt(page.length + 1));
  });

  it.each([true, false])('waits for a first event (woken in process: %s)', async (withRelay) => {
    await relay.start();
    await waitFor(() => relay.leading, { what: 'leading' });
    const began = performance.now();
    const waiting = read({ waitMs: 15_000 }, { withRelay });
    await fx.append(2);
    const { events } = await waiting;
    expect(events?.[0]?.number).toBe(1n);
    expect(performance.now() - began).toBeLessThan(5_000);
    await relay.stop();
  });

  it('answers empty after the wait, and at once when the caller leaves', async () => {
    const began = performance.now();
    expect((await read({ waitMs: 300 })).events).toEqual([]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
    const leaving = new AbortController();
    const waiting = read({ waitMs: 20_000 }, { context: ctx('audit', leaving.signal) });
    leaving.abort();
    expect((await waiting).events).toEqual([]);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('refuses whoever is not named', async () => {
    for (const principal of [
      { kind: 'service', id: 'task-scheduler' },
      { kind: 'user', id: 'audit' },
      { kind: 'anonymous' },
    ]) {
      const call = read({}, { context: { principal: { id: '', ...principal }, signal: never } });
      await expect(call).rejects.toMatchObject({ code: 'caller-not-allowed' });
    }
  });
});

describe('ReportPosition', () => {
  it('grows only', async () => {
    await numbered(10);
    expect(await report('audit', 7n)).toEqual({ number: 7n });
    expect(await report('audit', 3n)).toEqual({ number: 7n });
    expect(await report('audit', 10n)).toEqual({ number: 10n });
  });

  it('is for the caller itself', async () => {
    await expect(report('signer', 0n)).rejects.toMatchObject({ code: 'caller-not-allowed', field: 'consumer' });
    await expect(report('other', 0n, ctx('other'))).rejects.toMatchObject({ code: 'caller-not-allowed' });
  });

  it('refuses a number that was never given', async () => {
    await expect(report('audit', 1n)).rejects.toMatchObject({ code: 'position-ahead' });
    await numbered(2);
    await expect(report('audit', 3n)).rejects.toMatchObject({ code: 'position-ahead' });
    expect(await report('audit', 2n)).toEqual({ number: 2n });
  });
});

describe('pruneOutbox', () => {
  const prune = (consumers: readonly string[] = ['audit']) =>
    pruneOutbox({ db: fx.db, tables, consumers, signal: never });
  const age = (from: number, to: number) =>
    fx.db.sql`update outbox set created_at = now() - interval '8 days' where number between ${from} and ${to}`;
  const left = async (): Promise<bigint[]> =>
    (await fx.db.sql<{ number: bigint }[]>`select number from outbox order by number`).map(({ number }) => number);

  it('keeps what a consumer has not reported, also one that never did', async () => {
    await numbered(10);
    await age(1, 10);
    expect(await prune()).toBe(0);
    await report('audit', 6n);
    await report('signer', 4n, ctx('signer'));
    expect(await prune()).toBe(4);
    expect(await left()).toEqual([5n, 6n, 7n, 8n, 9n, 10n]);
    await report('signer', 10n, ctx('signer'));
    expect(await prune()).toBe(2);
  });

  it('keeps what is younger than 7 days, and everything after it', async () => {
    await numbered(10);
    await report('audit', 10n);
    await age(1, 3);
    await age(5, 10);
    expect(await prune()).toBe(3);
    expect(await left()).toEqual([4n, 5n, 6n, 7n, 8n, 9n, 10n]);
  });

  it('makes readers that are too late read from what is there', async () => {
    await numbered(10);
    await report('audit', 10n);
    await age(1, 10);
    expect(await prune()).toBe(10);
    await expect(read({ after: 9n })).rejects.toMatchObject({
      code: 'events-pruned',
      field: 'after_number',
      metadata: { oldest_number: '11' },
    });
    expect(await read({ after: 10n })).toEqual({ events: [], lastNumber: 10n });
    await numbered(1);
    expect((await read({ after: 10n })).events?.[0]?.number).toBe(11n);
  });

  it('works in batches, in several replicas at once', async () => {
    await numbered(2_500);
    await report('audit', 2_500n);
    await age(1, 2_500);
    const counts = await Promise.all([prune(), prune(), prune()]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2_500);
  });
});

describe('OutboxMonitor', () => {
  it('measures what waits, and for how long', async () => {
    await numbered(5);
    await report('audit', 2n);
    await fx.append(1);
    await fx.db.sql`update outbox set created_at = now() - interval '60 s' where number is null or number = 3`;
    await fx.db.sql`update outbox_state set published_number = 4`;
    const metrics = new Metrics({ processMetrics: false });
    const monitor = new OutboxMonitor({
      db: fx.db,
      tables,
      consumers: ['audit', 'signer'],
      metrics,
      observer: recordingObserver(),
      intervalMs: 20,
    });
    await monitor.start();
    const status = await waitFor(() => monitor.status, { what: 'a status' });
    await monitor.stop();
    expect(status).toMatchObject({
      lastNumber: 5n,
      unpublished: 1n,
      consumers: [
        { name: 'audit', number: 2n, lag: 3n },
        { name: 'signer', number: 0n, lag: 5n },
      ],
    });
    expect(status.oldestUnstampedSeconds).toBeGreaterThanOrEqual(60);
    expect(status.consumers[0]?.oldestUnreadSeconds).toBeGreaterThanOrEqual(60);
    const text = await metrics.render();
    expect(text).toContain('certtasks_outbox_unpublished_events 1\n');
    expect(text).toContain('certtasks_outbox_consumer_lag_events{consumer="signer"} 5\n');
  });

  it('is at rest when nothing was ever appended', async () => {
    expect(await readOutboxStatus({ db: fx.db, tables, consumers: ['audit'] })).toEqual({
      lastNumber: 0n,
      unpublished: 0n,
      oldestUnstampedSeconds: 0,
      consumers: [{ name: 'audit', number: 0n, lag: 0n, oldestUnreadSeconds: 0 }],
    });
  });
});

describe('outboxTables', () => {
  it.each(Object.values(tables))('are the tables that these tests are about', async (table) => {
    const { name, columns } = getTableConfig(table);
    const rows = await fx.db.sql<{ name: string; type: string; notNull: boolean }[]>`
      select attname::text as name, format_type(atttypid, atttypmod) as type, attnotnull as "notNull" from pg_attribute
      where attrelid = ${name}::regclass and attnum > 0 order by attnum`;
    const declared = columns.map((column) => ({
      name: column.name,
      type: column.getSQLType(),
      notNull: column.notNull,
    }));
    expect(declared).toEqual([...rows]);
  });
});
