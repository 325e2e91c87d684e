import { createDatabase, type Database, type Tx } from '@cert-tasks/db';
import { createTestDatabase, type TestDatabase, testLog, waitFor } from '@cert-tasks/testkit';
import { getTableConfig, pgSchema } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  claimRequest,
  claimRequests,
  pruneRequests,
  releaseRequest,
  requestHash,
  requestKey,
  requestTable,
} from '../src/index.ts';

const table = requestTable(pgSchema('cert'));
const SETUP = `
create table cert.requests (key bytea not null constraint requests_pkey primary key, hash bytea not null, resource text not null,
  created_at timestamptz not null default now());
create index requests_created_at_idx on cert.requests (created_at);
grant select, insert, delete on cert.requests to cert_app;`;

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase({ service: 'cert' });
  const { log } = testLog();
  const common = {
    schema: 'cert',
    applicationName: 'requests-test',
    maxConnections: 6,
    log,
    statementTimeoutMs: 10_000,
  };
  const owner = createDatabase({ ...common, url: database.ownerUrl });
  await owner.sql.unsafe(SETUP);
  await owner.stop();
  db = createDatabase({ ...common, url: database.appUrl });
});
afterAll(async () => {
  await db.stop();
  await database.drop();
});

const key = (requestId: string) => requestKey({ project: 'acme', principal: 'user:ann', method: 'S/M', requestId });
const hash = (text: string) => requestHash(new TextEncoder().encode(text));
const claim = (tx: Tx, id: string, { request = 'x', resource = `r/${id}`, waitMs = 2_000 } = {}) =>
  claimRequest(tx, { table, key: key(id), hash: hash(request), resource, waitMs });
const claimAlone = (id: string, options?: { request?: string; resource?: string; waitMs?: number }) =>
  db.transaction('claim', (tx) => claim(tx, id, options));
const lockWaiters = async (): Promise<boolean> => {
  const rows =
    await db.sql`select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  return rows.length > 0;
};

describe('claimRequest', () => {
  it('claims once, and answers a repeat with the first resource', async () => {
    expect(await claimAlone('once')).toEqual({ outcome: 'claimed' });
    expect(await claimAlone('once', { resource: 'other' })).toEqual({ outcome: 'replay', resource: 'r/once' });
  });

  it('refuses another request under the same id', async () => {
    await claimAlone('reused');
    await expect(claimAlone('reused', { request: 'y' })).rejects.toMatchObject({
      code: 'request-id-reused',
      field: 'request_id',
    });
  });

  it('forgets what was rolled back', async () => {
    const refusal = new Error('refused');
    const refused = db.transaction('claim', async (tx) => {
      await claim(tx, 'refused');
      throw refusal;
    });
    await expect(refused).rejects.toBe(refusal);
    expect(await claimAlone('refused', { request: 'y' })).toEqual({ outcome: 'claimed' });
  });

  it('stores nothing without an id', async () => {
    const before = await db.sql`select count(*) from requests`;
    const outcome = await db.transaction('claim', (tx) =>
      claimRequest(tx, { table, key: undefined, hash: hash('x'), resource: 'r' }),
    );
    expect(outcome).toEqual({ outcome: 'claimed' });
    expect(await db.sql`select count(*) from requests`).toEqual(before);
  });

  it.each(['commits', 'rolls back'])('waits for the one under way, which %s', async (ending) => {
    const id = `wait-${ending}`;
    const claimed = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const first = db
      .transaction('claim', async (tx) => {
        await claim(tx, id);
        claimed.resolve();
        await goOn.promise;
        if (ending === 'rolls back') throw new Error('refused');
      })
      .catch(() => undefined);
    await claimed.promise;
    const second = claimAlone(id, { waitMs: 8_000 });
    await waitFor(lockWaiters, { what: 'the second claim to wait' });
    goOn.resolve();
    expect(await second).toEqual(
      ending === 'commits' ? { outcome: 'replay', resource: `r/${id}` } : { outcome: 'claimed' },
    );
    await first;
  });

  it('waits no longer than it may, and leaves the lock timeout of the transaction as it was', async () => {
    await db.transaction('claim', async (tx) => {
      await claim(tx, 'slow');
      const began = performance.now();
      await expect(claimAlone('slow', { waitMs: 150 })).rejects.toMatchObject({
        code: 'request-in-progress',
        retryAfterMs: 1_000,
      });
      expect(performance.now() - began).toBeLessThan(2_000);
      await tx.sql`set local lock_timeout = '4321ms'`;
      await claim(tx, 'slow-2', { waitMs: 150 });
      expect(await tx.sql`show lock_timeout`).toEqual([{ lock_timeout: '4321ms' }]);
    });
  });

  it('lets one of many at once act', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => claimAlone('race', { waitMs: 8_000 })));
    expect(outcomes.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    expect(outcomes.filter(({ outcome }) => outcome === 'replay')).toHaveLength(19);
  });
});

describe('claimRequests', () => {
  it('answers each of a batch, equal ones too', async () => {
    await claimAlone('b-old');
    const claims = [
      { key: key('b-new'), hash: hash('x'), resource: 'r/b-new' },
      { key: key('b-old'), hash: hash('x'), resource: 'other' },
      { key: undefined, hash: hash('x'), resource: 'none' },
      { key: key('b-new'), hash: hash('x'), resource: 'again' },
      { key: key('b-old'), hash: hash('y'), resource: 'other' },
    ];
    const outcomes = await db.transaction('claim', (tx) => claimRequests(tx, { table, claims }));
    expect(outcomes).toMatchObject([
      { outcome: 'claimed' },
      { outcome: 'replay', resource: 'r/b-old' },
      { outcome: 'claimed' },
      { outcome: 'replay', resource: 'r/b-new' },
      { outcome: 'refused', error: { code: 'request-id-reused' } },
    ]);
  });

  it('takes claims in the order of their keys, so that two batches never wait for each other', async () => {
    const [low = '', high = ''] = ['order-1', 'order-2'].toSorted((a, b) =>
      Buffer.compare(key(a) ?? new Uint8Array(), key(b) ?? new Uint8Array()),
    );
    const batch = (ids: readonly string[], waitMs: number) =>
      db.transaction('claim', (tx) =>
        claimRequests(tx, {
          table,
          claims: ids.map((id) => ({ key: key(id), hash: hash('x'), resource: id })),
          waitMs,
        }),
      );
    const goOn = Promise.withResolvers<void>();
    const claimed = Promise.withResolvers<void>();
    const first = db.transaction('claim', async (tx) => {
      await claim(tx, low);
      claimed.resolve();
      await goOn.promise;
    });
    await claimed.promise;
    const waiting = batch([high, low], 8_000);
    await waitFor(lockWaiters, { what: 'the batch to wait for the lower key' });
    // The batch that waits holds no higher key.
    expect(await batch([high], 300)).toEqual([{ outcome: 'claimed' }]);
    goOn.resolve();
    await first;
    expect(await waiting).toMatchObject([
      { outcome: 'replay', resource: high },
      { outcome: 'replay', resource: `r/${low}` },
    ]);
  });
});

describe('releaseRequest', () => {
  it('forgets a claim, and only one’s own', async () => {
    await claimAlone('release');
    const release = (resource: string) =>
      db.transaction('release', (tx) => releaseRequest(tx, { table, key: key('release'), resource }));
    await release('r/of another');
    expect(await claimAlone('release')).toMatchObject({ outcome: 'replay' });
    await release('r/release');
    expect(await claimAlone('release', { request: 'y' })).toEqual({ outcome: 'claimed' });
  });
});

describe('pruneRequests', () => {
  it('forgets what is older than 7 days, in batches', async () => {
    await db.sql`insert into requests (key, hash, resource, created_at)
      select int8send(i), int8send(i), 'old', now() - interval '7 days 1 minute' from generate_series(1, 2500) as i`;
    await db.sql`insert into requests (key, hash, resource, created_at)
      values ('young', 'h', 'young', now() - interval '6 days 23 hours')`;
    const signal = new AbortController().signal;
    expect(await pruneRequests({ db, table, signal })).toBe(2_500);
    expect(await db.sql`select resource from requests where resource in ('old', 'young')`).toEqual([
      { resource: 'young' },
    ]);
    expect(await pruneRequests({ db, table, signal })).toBe(0);
  });

  it('stops between batches', async () => {
    expect(await pruneRequests({ db, table, signal: AbortSignal.abort() })).toBe(0);
  });
});

it('requestTable is the table that these tests are about', async () => {
  const rows = await db.sql<{ name: string; type: string }[]>`
    select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = 'requests'::regclass and attnum > 0 order by attnum`;
  expect(getTableConfig(table).columns.map((column) => ({ name: column.name, type: column.getSQLType() }))).toEqual([
    ...rows,
  ]);
});
