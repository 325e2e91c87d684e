import { createServer } from 'node:net';
import { sleep } from '@cert-tasks/kernel';
import { waitFor } from '@cert-tasks/testkit';
import { eq } from 'drizzle-orm';
import { bigint, jsonb, pgSchema, text, timestamp } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytea, classifyPgError, type Database, DbError, PG_OID, type Tx } from '../src/index.ts';
import { type Fixture, fixture, SCHEMA, terminateBackend } from './fixture-schema.ts';

const things = pgSchema(SCHEMA).table('things', {
  id: bigint('id', { mode: 'bigint' }).primaryKey(),
  name: text('name').notNull(),
  body: bytea('body'),
  doc: jsonb('doc'),
  at: timestamp('at', { withTimezone: true }),
  plain: timestamp('plain', { mode: 'string' }),
});

const TABLES = `
create table cert.things (id bigint primary key, name text not null constraint things_name_key unique, body bytea, doc jsonb,
  at timestamptz, plain timestamp);
--> statement-breakpoint
grant select, insert, update, delete on cert.things to {{app_role}};`;

let fx: Fixture;
let db: Database;
let admin: Database;
beforeAll(async () => {
  fx = await fixture({ '0000_things': TABLES });
  db = fx.connect();
  admin = fx.connect({ url: fx.database.adminUrl, maxConnections: 2 });
  await db.start();
});
afterAll(() => fx.end());

/** What a promise rejects with, caught from the beginning. */
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const pidOf = async ({ sql }: Pick<Tx, 'sql'>): Promise<number> =>
  (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid ?? 0;

describe('values', () => {
  const big = 2n ** 62n + 1n;
  const at = new Date('2026-03-01T12:34:56.789Z');
  const body = new Uint8Array([0, 1, 255]);
  const doc = { a: [1, 'x', null] };

  it('go in and out alike through templates and drizzle', async () => {
    await db.sql`insert into things (id, name, body, doc, at, plain)
      values (${big}, 'template', ${body}, ${db.sql.json(doc)}, ${at}, '2026-03-01 00:00:00')`;
    await db.orm.insert(things).values({ id: big + 1n, name: 'drizzle', body, doc, at, plain: '2026-03-01 00:00:00' });

    const rows = await db.sql`select * from things where id >= ${big} order by id`;
    const viaDrizzle = await db.orm.select().from(things).where(eq(things.name, 'template'));
    for (const row of [...rows, ...viaDrizzle]) {
      expect(row).toMatchObject({ body, doc, at, plain: '2026-03-01 00:00:00' });
      expect(typeof row['id']).toBe('bigint');
      expect(Buffer.isBuffer(row['body'])).toBe(false);
    }
    expect(viaDrizzle[0]?.id).toBe(big);
  });

  it('come in arrays', async () => {
    const [row] = await db.sql<{ a: bigint[]; b: Uint8Array[] }[]>`select
      ${db.sql.array([1n, big], PG_OID.int8)}::int8[] as a, ${db.sql.array([body, new Uint8Array()], PG_OID.bytea)}::bytea[] as b`;
    expect(row).toEqual({ a: [1n, big], b: [body, new Uint8Array()] });
  });
});

describe('session', () => {
  it('has the settings that bound what a statement can do', async () => {
    const [row] =
      await db.sql`select current_setting('search_path') as path, current_setting('statement_timeout') as statement,
      current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle,
      current_setting('TimeZone') as zone, current_setting('application_name') as app, current_user as role`;
    expect(row).toEqual({
      path: 'cert',
      statement: '5s',
      lock: '5s',
      idle: '30s',
      zone: 'UTC',
      app: 'db-test',
      role: 'cert_app',
    });
  });

  it('prepares the statements of drizzle', async () => {
    const one = fx.connect({ maxConnections: 1 });
    await one.orm.select({ id: things.id }).from(things).where(eq(things.name, 'x'));
    const prepared = await one.sql<{ statement: string }[]>`select statement from pg_prepared_statements`;
    expect(prepared.some(({ statement }) => statement.includes('"things"."name" = $1'))).toBe(true);
  });

  it('reads no schema of another service', async () => {
    const [row] = await admin.sql`select has_schema_privilege('cert_app', 'signer', 'usage') as may`;
    expect(row?.['may']).toBe(false);
  });
});

describe('transaction', () => {
  it('commits what resolves and rolls back what rejects, in templates and drizzle alike', async () => {
    const result = await db.transaction('t', async (tx) => {
      await tx.sql`insert into things (id, name) values (1, 'kept by template')`;
      await tx.orm.insert(things).values({ id: 2n, name: 'kept by drizzle' });
      return [1, 2];
    });
    expect(result).toEqual([1, 2]);
    const refusal = new Error('refused');
    await expect(
      db.transaction('t', async (tx) => {
        await tx.sql`insert into things (id, name) values (3, 'lost')`;
        await tx.orm.insert(things).values({ id: 4n, name: 'lost too' });
        throw refusal;
      }),
    ).rejects.toBe(refusal);
    expect(await db.sql`select id from things where id between 1 and 4 order by id`).toEqual([{ id: 1n }, { id: 2n }]);
  });

  it('passes violated constraints on by name', async () => {
    await db.sql`insert into things (id, name) values (10, 'twice')`;
    const error = await db
      .transaction('t', (tx) => tx.orm.insert(things).values({ id: 11n, name: 'twice' }))
      .catch((reason: unknown) => reason);
    expect(classifyPgError(error)).toEqual({ kind: 'unique-violation', constraint: 'things_name_key' });
    // drizzle would put the values into the message.
    expect(String(error)).not.toContain('twice');
  });

  it('runs again after a serialization failure, and both increments count', async () => {
    await db.sql`insert into things (id, name, doc) values (20, 'counter', '{"n": 0}')`;
    let runs = 0;
    let reads = 0;
    const bothRead = Promise.withResolvers<void>();
    const increment = () =>
      db.transaction(
        't',
        async ({ sql }) => {
          runs += 1;
          const [row] = await sql<{ n: number }[]>`select (doc->>'n')::int as n from things where id = 20`;
          reads += 1;
          if (reads === 2) bothRead.resolve();
          await bothRead.promise;
          await sql`update things set doc = ${sql.json({ n: (row?.n ?? 0) + 1 })} where id = 20`;
        },
        { isolation: 'serializable' },
      );
    await Promise.all([increment(), increment()]);
    const [row] = await db.sql<{ n: number }[]>`select (doc->>'n')::int as n from things where id = 20`;
    expect(row?.n).toBe(2);
    expect(runs).toBeGreaterThan(2);
  });

  it('runs again after a deadlock', async () => {
    await db.sql`insert into things (id, name) values (30, 'a'), (31, 'b')`;
    let runs = 0;
    let holding = 0;
    const bothHold = Promise.withResolvers<void>();
    const touch = (first: number, second: number) =>
      db.transaction('t', async ({ sql }) => {
        runs += 1;
        await sql`update things set doc = '1' where id = ${first}`;
        holding += 1;
        if (holding === 2) bothHold.resolve();
        await bothHold.promise;
        await sql`update things set doc = '1' where id = ${second}`;
      });
    await Promise.all([touch(30, 31), touch(31, 30)]);
    expect(runs).toBe(3);
  });

  it('gives up after five runs', async () => {
    let runs = 0;
    const always = db.transaction('t', async ({ sql }) => {
      runs += 1;
      await sql`do $$ begin raise exception using errcode = '40001'; end $$`;
    });
    await expect(always).rejects.toMatchObject({ code: 'database-busy', cause: { code: '40001' } });
    expect(runs).toBe(5);
  });

  it('is busy, not lost, when a statement or a lock takes too long', async () => {
    const impatient = fx.connect({ statementTimeoutMs: 100 });
    await expect(impatient.query('q', ({ sql }) => sql`select pg_sleep(5)`)).rejects.toMatchObject({
      code: 'database-busy',
    });
  });

  it('refuses statements after its end', async () => {
    const leaked = await db.transaction('t', async (tx) => ({ ...tx }));
    expect(() => leaked.sql`select 1`).toThrow(expect.objectContaining({ code: 'transaction-ended' }));
    expect(() => leaked.sql.unsafe('select 1')).toThrow(DbError);
    await expect(leaked.orm.select().from(things)).rejects.toThrow(/after its transaction/);
  });

  it('has savepoints, which it guards too', async () => {
    await db.transaction('t', async (tx) => {
      await tx.sql`insert into things (id, name) values (40, 'outer')`;
      await tx.sql
        .savepoint(async (inner) => {
          await inner`insert into things (id, name) values (41, 'outer')`;
        })
        .catch((error: unknown) => expect(classifyPgError(error).kind).toBe('unique-violation'));
      await tx.orm.transaction(async (inner) => {
        await inner.insert(things).values({ id: 42n, name: 'inner' });
      });
    });
    expect(await db.sql`select id from things where id between 40 and 49 order by id`).toEqual([
      { id: 40n },
      { id: 42n },
    ]);
  });
});

describe('a connection that breaks', () => {
  it('in a statement: the transaction fails with advice, and the pool works on', async () => {
    const one = fx.connect({ maxConnections: 1 });
    const pid = Promise.withResolvers<number>();
    const broken = failureOf(
      one.transaction('t', async (tx) => {
        pid.resolve(await pidOf(tx));
        await tx.sql`select pg_sleep(30)`;
      }),
    );
    await terminateBackend(admin, await pid.promise);
    expect(await broken).toMatchObject({ code: 'database-unavailable', advice: expect.any(String) });
    expect(await one.sql`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it('between statements: what the transaction sends later reaches no other transaction', async () => {
    const one = fx.connect({ maxConnections: 1 });
    const killed = Promise.withResolvers<void>();
    const otherWork = Promise.withResolvers<void>();
    const lateError = Promise.withResolvers<unknown>();
    const broken = failureOf(
      one.transaction('t', async (tx) => {
        await terminateBackend(admin, await pidOf(tx));
        killed.resolve();
        await otherWork.promise;
        try {
          await tx.sql`insert into things (id, name) values (50, 'stray')`;
        } catch (error) {
          lateError.resolve(error);
        }
      }),
    );
    await killed.promise;
    expect(await broken).toMatchObject({ code: 'database-unavailable' });
    // The connection is made anew for this, before the late statement.
    expect(await one.sql`select 1 as one`).toEqual([{ one: 1 }]);
    otherWork.resolve();
    expect(await lateError.promise).toMatchObject({ code: 'transaction-ended' });
    expect(await one.sql`select 1 from things where id = 50`).toEqual([]);
  });

  it.each(['commit', 'rollback', 'rollback of a savepoint'])(
    'between statements: the %s of the late transaction ends no other one',
    async (ending) => {
      const one = fx.connect({ maxConnections: 1 });
      const killed = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const broken = failureOf(
        one.transaction('late', async (tx) => {
          const late = async (): Promise<void> => {
            await terminateBackend(admin, await pidOf(tx));
            killed.resolve();
            await goOn.promise;
            if (ending !== 'commit') throw new Error('late refusal');
          };
          await (ending === 'rollback of a savepoint' ? tx.sql.savepoint(late) : late());
        }),
      );
      await killed.promise;
      expect(await broken).toMatchObject({ code: 'database-unavailable' });
      // On the same connection, made anew.
      const refusal = new Error('refused');
      const other = one.transaction('other', async ({ sql }) => {
        await sql.savepoint(async (inner) => {
          await inner`insert into things (id, name) values (60, 'in a savepoint')`;
          goOn.resolve();
          await sleep(50);
          await inner`insert into things (id, name) values (61, 'after the late end')`;
        });
        expect(await sql`select id from things where id in (60, 61)`).toHaveLength(2);
        throw refusal;
      });
      await expect(other).rejects.toBe(refusal);
      expect(await one.sql`select id from things where id in (60, 61)`).toEqual([]);
    },
  );

  it('over and over, with many at work: nothing hangs and nothing crashes', async () => {
    const busy = fx.connect({ maxConnections: 4, applicationName: 'db-test-busy' });
    const stop = new AbortController();
    let done = 0;
    const codes = new Set<unknown>();
    const work = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        await busy
          .transaction('t', async ({ sql }) => {
            await sql`select pg_sleep(0.002)`;
            await sql`select 1`;
          })
          .then(
            () => {
              done += 1;
            },
            (error: { code?: unknown }) => codes.add(error.code),
          );
      }
    };
    const workers = Promise.all(Array.from({ length: 8 }, work));
    for (let i = 0; i < 25; i++) {
      await admin.sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'db-test-busy'`;
      const before = done;
      await waitFor(() => done > before + 3, { what: 'transactions after connections were ended' });
    }
    stop.abort();
    await workers;
    expect([...codes]).toEqual(['database-unavailable']);
  });

  it('by a server that is not there: start and ping say so', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    await new Promise((resolve) => server.close(resolve));
    const nowhere = fx.connect({ url: `postgres://u:hunter2@127.0.0.1:${port}/d` });
    await expect(nowhere.ping()).rejects.toMatchObject({ code: 'database-unavailable' });
    const error = await nowhere.start().catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'database-unavailable',
      message: expect.stringContaining(`127.0.0.1:${port}/d`),
    });
    expect(String(error)).not.toContain('hunter2');
  });

  it('by a wrong password: start says what the server said', async () => {
    const url = new URL(fx.database.appUrl);
    url.password = 'wrong';
    const stranger = fx.connect({ url: url.href });
    await expect(stranger.start()).rejects.toMatchObject({
      code: 'database-unavailable',
      message: expect.stringContaining('password authentication failed'),
    });
  });

  it('by a server that says nothing: ping ends all the same', async () => {
    const server = createServer((socket) => void socket.on('error', () => undefined));
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const mute = fx.connect({ url: `postgres://u:p@127.0.0.1:${port}/d`, maxConnections: 1 });
    await expect(mute.ping()).rejects.toMatchObject({ code: 'database-unavailable' });
    await mute.stop();
    server.close();
  });

  it('never falls back to plain text', async () => {
    // The server of the tests has no TLS.
    const strict = fx.connect({ url: `${fx.database.appUrl}?sslmode=require`, maxConnections: 1 });
    await expect(strict.ping()).rejects.toMatchObject({ code: 'database-unavailable' });
  });
});

describe('stop', () => {
  it('waits for the transaction that runs', async () => {
    const one = fx.connect();
    const running = one.transaction('t', async ({ sql }) => {
      await sql`select pg_sleep(0.3)`;
      return 'done';
    });
    await sleep(50);
    await one.stop();
    expect(await running).toBe('done');
    await one.stop();
  });
});
