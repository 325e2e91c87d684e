import { sleep } from '@cert-tasks/kernel';
import { recordingObserver, testSignal, waitFor } from '@cert-tasks/testkit';
import { getTableConfig, pgSchema } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assertLease, type Database, type Lease, LeasedLoop, LeaseHolder, leaseTable } from '../src/index.ts';
import { type Fixture, fixture, LEASES, SCHEMA } from './fixture-schema.ts';

const table = leaseTable(pgSchema(SCHEMA));

let fx: Fixture;
let db: Database;
beforeAll(async () => {
  fx = await fixture({ '0000_leases': LEASES });
  db = fx.connect({ maxConnections: 8 });
});
afterAll(() => fx.end());

const holder = (name: string, who: string, ttlMs = 60_000): LeaseHolder =>
  new LeaseHolder({ db, table, name, holder: who, ttlMs });

const expire = (name: string): Promise<unknown> =>
  db.sql`update leases set expires_at = clock_timestamp() - interval '1 ms' where name = ${name}`;

const taken = (lease: Lease | undefined): Lease => {
  if (lease === undefined) throw new Error('the lease was to be free');
  return lease;
};

describe('LeaseHolder', () => {
  it('lets one of many take a lease', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => holder('race', `p${i}`).acquire()));
    expect(answers.filter((lease) => lease !== undefined)).toMatchObject([{ fence: 1n }]);
  });

  it('passes an expired lease on with a greater fence, to one only', async () => {
    const first = taken(await holder('expire', 'a').acquire());
    expect(await holder('expire', 'b').acquire()).toBeUndefined();
    await expire('expire');
    const answers = await Promise.all(['b', 'c', 'd'].map((who) => holder('expire', who).acquire()));
    expect(answers.filter((lease) => lease !== undefined)).toMatchObject([{ fence: first.fence + 1n }]);
    expect(await holder('expire', 'a').renew(first)).toBeUndefined();
  });

  it('renews by the database’s clock and keeps the fence', async () => {
    const lease = taken(await holder('renew', 'a', 5_000).acquire());
    await db.sql`update leases set expires_at = expires_at - interval '4 s' where name = 'renew'`;
    const renewed = taken(await holder('renew', 'a', 5_000).renew(lease));
    expect(renewed.fence).toBe(lease.fence);
    const [row] = await db.sql<{ left: number }[]>`
      select extract(epoch from expires_at - clock_timestamp())::float8 as left from leases where name = 'renew'`;
    expect(row?.left).toBeGreaterThan(4);
    expect(row?.left).toBeLessThanOrEqual(5);
  });

  it('does not renew what has expired', async () => {
    const lease = taken(await holder('late', 'a').acquire());
    await expire('late');
    expect(await holder('late', 'a').renew(lease)).toBeUndefined();
  });

  it('gives back, so that another takes it at once; a former holder gives nothing back', async () => {
    const first = taken(await holder('release', 'a').acquire());
    await holder('release', 'a').release(first);
    const second = taken(await holder('release', 'b').acquire());
    await holder('release', 'a').release(first);
    expect(await holder('release', 'c').acquire()).toBeUndefined();
    expect(second.fence).toBe(first.fence + 1n);
  });

  it('fences the former self of a process that came back under its name', async () => {
    const before = taken(await holder('again', 'a').acquire());
    const after = taken(await holder('again', 'a').acquire());
    expect(after.fence).toBe(before.fence + 1n);
    expect(await holder('again', 'a').renew(before)).toBeUndefined();
  });
});

describe('assertLease', () => {
  const assertIn = (name: string, fence: bigint) =>
    db.transaction('t', (tx) => assertLease(tx, { table, name, fence }));

  it('passes the holder, and refuses a former one, an expired one and a stranger', async () => {
    const first = taken(await holder('assert', 'a').acquire());
    await assertIn('assert', first.fence);
    await expect(assertIn('assert', first.fence + 1n)).rejects.toMatchObject({ code: 'lease-lost' });
    await expire('assert');
    await expect(assertIn('assert', first.fence)).rejects.toMatchObject({ code: 'lease-lost' });
    await holder('assert', 'b').acquire();
    await expect(assertIn('assert', first.fence)).rejects.toMatchObject({ code: 'lease-lost' });
    await expect(assertIn('no such lease', 1n)).rejects.toMatchObject({ code: 'lease-lost' });
  });

  it('keeps a take-over waiting until the transaction ends, and a renewal not', async () => {
    const lease = taken(await holder('wait', 'a').acquire());
    const order: string[] = [];
    let takeOver: Promise<unknown> | undefined;
    await db.transaction('t', async (tx) => {
      await assertLease(tx, { table, name: 'wait', fence: lease.fence });
      // Under the lock: a renewal goes through.
      expect(await holder('wait', 'a').renew(lease)).toBeDefined();
      await expire('wait');
      takeOver = holder('wait', 'b')
        .acquire()
        .then((next) => order.push(`taken over with ${next?.fence}`));
      await waitFor(
        async () => {
          // Outside of the transaction, which would see the same activity for its whole life.
          const rows = await db.sql`select 1 from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock' and query like '%insert into%leases%'`;
          return rows.length > 0;
        },
        { what: 'the take-over to wait for the lock' },
      );
      order.push('leader commits');
    });
    await takeOver;
    expect(order).toEqual(['leader commits', 'taken over with 2']);
  });
});

describe('LeasedLoop', () => {
  const TTL_MS = 1_200;
  const loop = (
    name: string,
    who: string,
    run: (signal: AbortSignal, lease: Lease) => Promise<'again' | 'idle'>,
    options: { db?: Database; ttlMs?: number } = {},
  ) => {
    const observer = recordingObserver();
    const leased = new LeasedLoop({
      name: `${name}-${who}`,
      holder: new LeaseHolder({ db: options.db ?? db, table, name, holder: who, ttlMs: options.ttlMs ?? TTL_MS }),
      intervalMs: 20,
      observer,
      backoff: { baseMs: 10, maxMs: 50 },
      run: ({ signal, lease }) => run(signal, lease),
    });
    return Object.assign(leased, { failures: observer.failures });
  };

  it('runs in one process, and in the next when that one stops', async () => {
    const ran: string[] = [];
    const loops = ['a', 'b', 'c'].map((who) =>
      loop('one', who, async () => {
        ran.push(who);
        return 'idle';
      }),
    );
    await Promise.all(loops.map((each) => each.start()));
    await waitFor(() => ran.length > 20, { what: 'iterations' });
    const [leader] = ran;
    expect(new Set(ran)).toEqual(new Set([leader]));
    expect(loops.filter((each) => each.lease !== undefined)).toHaveLength(1);

    const index = ['a', 'b', 'c'].indexOf(leader ?? '');
    await loops[index]?.stop();
    // Given back, it passes on much sooner than its time would be over.
    await waitFor(() => ran.at(-1) !== leader, { what: 'another leader', timeoutMs: TTL_MS });
    await Promise.all(loops.map((each) => each.stop()));
    const [row] = await db.sql<
      { free: boolean }[]
    >`select expires_at <= clock_timestamp() as free from leases where name = 'one'`;
    expect(row?.free).toBe(true);
  });

  it('renews while a run takes longer than the lease lasts', async () => {
    const finished = testSignal<boolean>('run finished');
    const long = loop('long', 'a', async (signal) => {
      await sleep(TTL_MS * 2, signal).catch(() => undefined);
      finished.emit(signal.aborted);
      return 'idle';
    });
    await long.start();
    expect(await finished.next()).toBe(false);
    await long.stop();
    expect(long.failures).toEqual([]);
  });

  it('ends its run when the lease is stolen', async () => {
    const ended = testSignal<unknown>('run ended');
    const robbed = loop('stolen', 'a', async (signal) => {
      await sleep(30_000, signal).catch(ended.emit);
      return 'idle';
    });
    await robbed.start();
    await waitFor(() => robbed.lease !== undefined, { what: 'leading' });
    await expire('stolen');
    const thief = taken(await holder('stolen', 'thief').acquire());
    expect(await ended.next(TTL_MS)).toMatchObject({ code: 'lease-lost' });
    expect(robbed.lease).toBeUndefined();
    await robbed.stop();
    // What was stolen stays with the thief.
    expect(await holder('stolen', 'thief').renew(thief)).toBeDefined();
  });

  it('ends its run by its own clock before the lease is over, when the database is away', async () => {
    const own = fx.connect({ applicationName: 'db-test-cut-off', maxConnections: 2 });
    const ended = testSignal<{ at: number; reason: unknown }>('run ended');
    const cutOff = loop(
      'cut-off',
      'a',
      async (signal) => {
        await sleep(30_000, signal).catch((reason: unknown) => ended.emit({ at: performance.now(), reason }));
        return 'idle';
      },
      { db: own },
    );
    await cutOff.start();
    await waitFor(() => cutOff.lease !== undefined, { what: 'leading' });
    // From now on the database answers this process no more: a lock on the table holds its renewals up.
    const hold = Promise.withResolvers<void>();
    const locked = testSignal<number>('locked');
    const blocking = fx.connect({ url: fx.database.ownerUrl }).transaction('block', async ({ sql }) => {
      await sql`lock table leases in access exclusive mode`;
      const [row] = await sql<{ left: number }[]>`
        select extract(epoch from expires_at - clock_timestamp())::float8 * 1000 as left from leases where name = 'cut-off'`;
      locked.emit(performance.now() + (row?.left ?? 0));
      await hold.promise;
    });
    const expiresAt = await locked.next();
    const { at, reason } = await ended.next();
    expect(reason).toMatchObject({ code: 'lease-lost' });
    expect(at).toBeLessThan(expiresAt);
    hold.resolve();
    await blocking;
    await cutOff.stop();
  });

  it('leads on when a renewal fails and a later one succeeds', async () => {
    const own = fx.connect({ applicationName: 'db-test-flaky', maxConnections: 1 });
    let runs = 0;
    const flaky = loop(
      'flaky',
      'a',
      async () => {
        runs += 1;
        return 'idle';
      },
      { db: own, ttlMs: 1_500 },
    );
    const admin = fx.connect({ url: fx.database.adminUrl });
    await flaky.start();
    await waitFor(() => flaky.lease !== undefined, { what: 'leading' });
    const { fence } = taken(flaky.lease);
    const until = performance.now() + 3_000;
    while (performance.now() < until) {
      await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'db-test-flaky'`;
      await sleep(150);
    }
    const before = runs;
    await waitFor(() => runs > before + 5, { what: 'runs after the faults' });
    expect(flaky.lease?.fence).toBe(fence);
    await flaky.stop();
  });
});

describe('leaseTable', () => {
  it('is the table that these tests are about', async () => {
    const { columns } = getTableConfig(table);
    const rows = await db.sql<{ name: string; type: string }[]>`
      select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
      where attrelid = 'leases'::regclass and attnum > 0 order by attnum`;
    expect(columns.map((column) => ({ name: column.name, type: column.getSQLType() }))).toEqual([...rows]);
  });
});
