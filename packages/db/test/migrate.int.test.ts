import { createTestDatabase, type TestDatabase, testLog } from '@cert-tasks/testkit';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, dumpSchema, migrate, verifyMigrations } from '../src/index.ts';
import { SCHEMA, withMigrations } from './fixture-schema.ts';

const FIRST = `create table cert.a (id int primary key);
--> statement-breakpoint
grant select, insert on cert.a to {{app_role}};`;
const SECOND = 'create table cert.b (id int primary key);';

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase({ service: SCHEMA });
});
afterEach(() => database.drop());

const { log } = testLog();
const run = (files: Record<string, string>, ownerUrl = database.ownerUrl): Promise<readonly string[]> =>
  withMigrations(files, (folder) => migrate({ ownerUrl, schema: SCHEMA, folder, log }));

async function tables(): Promise<string[]> {
  const sql = postgres(database.adminUrl, { max: 1 });
  const rows = await sql`select tablename::text as name from pg_tables where schemaname = ${SCHEMA} order by 1`;
  await sql.end();
  return rows.map((row) => String(row['name']));
}

async function asApp<T>(use: (db: ReturnType<typeof createDatabase>) => Promise<T>): Promise<T> {
  const db = createDatabase({
    url: database.appUrl,
    schema: SCHEMA,
    applicationName: 'migrate-test',
    maxConnections: 1,
    log,
    statementTimeoutMs: 5_000,
  });
  try {
    return await use(db);
  } finally {
    await db.stop();
  }
}

describe('migrate', () => {
  it('applies what is missing, in order, once', async () => {
    expect(await run({ '0000_a': FIRST })).toEqual(['0000_a']);
    expect(await run({ '0000_a': FIRST, '0001_b': SECOND })).toEqual(['0001_b']);
    expect(await run({ '0000_a': FIRST, '0001_b': SECOND })).toEqual([]);
    expect(await tables()).toEqual(['a', 'b', 'schema_migrations']);
  });

  it('gives the runtime role what the files grant, and no more', async () => {
    await run({ '0000_a': FIRST });
    await asApp(async ({ sql }) => {
      await sql`insert into a (id) values (1)`;
      await expect(sql`delete from a`).rejects.toMatchObject({ code: '42501' });
      await expect(sql`create table c (id int)`).rejects.toMatchObject({ code: '42501' });
      await expect(sql`delete from schema_migrations`).rejects.toMatchObject({ code: '42501' });
    });
  });

  it('is safe to run in several processes at once', async () => {
    const files = { '0000_a': FIRST, '0001_b': SECOND, '0002_c': 'create table cert.c (id int);' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => run(files)));
    expect(answers.flat().sort()).toEqual(['0000_a', '0001_b', '0002_c']);
  });

  it('refuses a database that is newer than the code', async () => {
    await run({ '0000_a': FIRST, '0001_b': SECOND });
    await expect(run({ '0000_a': FIRST })).rejects.toMatchObject({
      code: 'database-newer',
      message: expect.stringContaining('0001_b'),
    });
  });

  it('refuses a file that was changed after it was applied, and a new one before it', async () => {
    await run({ '0000_a': FIRST });
    await expect(run({ '0000_a': `${FIRST} ` })).rejects.toMatchObject({ code: 'migration-changed' });
    await expect(run({ '0000_0': SECOND, '0000_a': FIRST })).rejects.toMatchObject({ code: 'migration-changed' });
    expect(await tables()).toEqual(['a', 'schema_migrations']);
  });

  it('applies a file whole or not at all, and keeps the files before it', async () => {
    const broken = `${SECOND}\n--> statement-breakpoint\nselect * from nowhere;`;
    await expect(run({ '0000_a': FIRST, '0001_b': broken })).rejects.toMatchObject({
      code: 'migration-failed',
      message: expect.stringMatching(/0001_b.*nowhere/),
    });
    expect(await tables()).toEqual(['a', 'schema_migrations']);
    expect(await run({ '0000_a': FIRST, '0001_b': SECOND })).toEqual(['0001_b']);
  });

  it('says that the database cannot be reached', async () => {
    const url = new URL(database.ownerUrl);
    url.port = '1';
    await expect(run({ '0000_a': FIRST }, url.href)).rejects.toMatchObject({ code: 'database-unavailable' });
  });
});

describe('verifyMigrations', () => {
  const verify = (files: Record<string, string>): Promise<void> =>
    withMigrations(files, (folder) => asApp((db) => verifyMigrations({ db, schema: SCHEMA, folder })));

  it('passes the database that this code made, and no other', async () => {
    await expect(verify({ '0000_a': FIRST })).rejects.toMatchObject({ code: 'database-older' });
    await run({ '0000_a': FIRST, '0001_b': SECOND });
    await verify({ '0000_a': FIRST, '0001_b': SECOND });
    await expect(verify({ '0000_a': FIRST })).rejects.toMatchObject({ code: 'database-newer' });
    await expect(verify({ '0000_a': FIRST, '0001_b': SECOND, '0002_c': SECOND })).rejects.toMatchObject({
      code: 'database-older',
    });
    await expect(verify({ '0000_a': SECOND, '0001_b': SECOND })).rejects.toMatchObject({ code: 'migration-changed' });
  });
});

describe('dumpSchema', () => {
  const RICH = `
create type cert.mood as enum ('good', 'bad');
create sequence cert.loose;
create table cert.parent (id bigint generated always as identity primary key, mood cert.mood not null default 'good',
  at timestamptz not null default now(), label text collate "C", twice bigint generated always as (1 + 1) stored,
  constraint parent_label_check check (length(label) < 10)) with (fillfactor = 70);
create table cert.child (id uuid primary key, parent bigint not null references cert.parent (id), n int) partition by hash (id);
create table cert.child_0 partition of cert.child for values with (modulus 1, remainder 0);
create unique index parent_lower_idx on cert.parent (lower(label)) where mood = 'good';
create view cert.good as select id from cert.parent where mood = 'good';
create function cert.refuse() returns trigger language plpgsql as $$ begin raise exception 'append only'; end $$;
create trigger parent_append_only before update or delete on cert.parent for each row execute function cert.refuse();
grant select, insert on cert.parent to {{app_role}};
grant update (label) on cert.parent to {{app_role}};`;
  const dump = (): Promise<string> => dumpSchema({ url: database.ownerUrl, schema: SCHEMA });

  it('shows all that makes up a schema', async () => {
    await run({ '0000_rich': RICH });
    const text = await dump();
    for (const line of [
      "type mood: 'good', 'bad'",
      'sequence loose: bigint start 1 increment 1 min 1 max 9223372036854775807 cache 1',
      'table parent with (fillfactor=70)',
      '  id bigint not null generated always as identity',
      "  mood cert.mood not null default 'good'::cert.mood",
      '  at timestamp with time zone not null default now()',
      '  label text collate C grant to cert_app: update',
      '  twice bigint generated always as ((1 + 1))',
      '  constraint parent_label_check CHECK ((length(label) < 10))',
      '  constraint parent_pkey PRIMARY KEY (id)',
      "  index parent_lower_idx: UNIQUE USING btree (lower(label)) WHERE (mood = 'good'::cert.mood)",
      '  trigger CREATE TRIGGER parent_append_only BEFORE DELETE OR UPDATE ON cert.parent FOR EACH ROW EXECUTE FUNCTION cert.refuse()',
      '  grant to cert_app: insert, select',
      'table child partition by HASH (id)',
      '  constraint child_parent_fkey FOREIGN KEY (parent) REFERENCES cert.parent(id)',
      'table child_0 partition of cert.child FOR VALUES WITH (modulus 1, remainder 0)',
      "  as  SELECT id FROM cert.parent WHERE (mood = 'good'::cert.mood);",
      'grant on schema to cert_app: usage',
      'grant nobody',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain("raise exception 'append only'");
    expect(text).not.toContain('schema_migrations');
  });

  it('is the same for the same schema and another for another', async () => {
    await run({ '0000_rich': RICH });
    const before = await dump();
    expect(await dump()).toBe(before);
    const other = await createTestDatabase({ service: SCHEMA });
    await run({ '0000_rich': RICH }, other.ownerUrl);
    expect(await dumpSchema({ url: other.ownerUrl, schema: SCHEMA })).toBe(before);
    await other.drop();

    const sql = postgres(database.ownerUrl, { max: 1 });
    for (const change of [
      'revoke insert on cert.parent from cert_app',
      'alter table cert.parent alter label set not null',
      'alter table cert.parent disable trigger parent_append_only',
      'drop index cert.parent_lower_idx',
      'create or replace function cert.refuse() returns trigger language plpgsql as $$ begin return null; end $$',
      'alter table cert.parent drop constraint parent_label_check',
      'grant usage on sequence cert.loose to cert_app',
      'alter table cert.parent set (fillfactor = 80)',
    ]) {
      const last = await dump();
      await sql.unsafe(change);
      expect(await dump(), change).not.toBe(last);
    }
    await sql.end();
  });
});
