import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DATABASE_SERVICES,
  type PostgresServer,
  provisionDatabase,
  serviceDatabases,
  startEphemeralPostgres,
} from '../src/index.ts';

let templates: string;
let server: PostgresServer;
const passwords = {
  cert: { owner: 'cert owner:/@?', app: 'cert-app' },
  signer: { owner: 'signer-owner', app: 'signer-app' },
  task: { owner: 'task-owner', app: 'task-app' },
  audit: { owner: 'audit-owner', app: 'audit-app' },
};

beforeAll(async () => {
  templates = mkdtempSync(join(tmpdir(), 'cert-tasks-templates-'));
  chmodSync(templates, 0o711);
  server = await startEphemeralPostgres({ templateDirectory: templates });
  await provisionDatabase({ adminUrl: server.adminUrl, database: 'cert_tasks', passwords });
});
afterAll(async () => {
  await server.stop();
  rmSync(templates, { recursive: true, force: true });
});

describe('provisionDatabase', () => {
  test.each(DATABASE_SERVICES)(
    '%s owns its schema, and its runtime role works in it with what it is granted',
    async (service) => {
      const { ownerUrl, appUrl } = databases()[service];
      await query(ownerUrl, 'create table things (id int primary key)');
      await query(ownerUrl, `grant select, insert on things to ${service}_app`);
      await query(appUrl, 'insert into things values (1)');
      expect(await query(appUrl, 'select id, current_schema() as s from things')).toEqual([{ id: 1, s: service }]);
      await expect(query(appUrl, 'create table more (id int)')).rejects.toMatchObject({ code: '42501' });
      await expect(query(appUrl, 'drop table things')).rejects.toMatchObject({ code: '42501' });
      await expect(query(appUrl, 'create temporary table t (id int)')).rejects.toMatchObject({ code: '42501' });
      await expect(query(appUrl, 'create table public.t (id int)')).rejects.toMatchObject({ code: '42501' });
      await expect(query(ownerUrl, 'create schema more')).rejects.toMatchObject({ code: '42501' });
      await expect(query(ownerUrl, 'create role more')).rejects.toMatchObject({ code: '42501' });
    },
  );

  test.each(
    DATABASE_SERVICES.flatMap((reader) =>
      DATABASE_SERVICES.filter((other) => other !== reader).map((other) => [reader, other] as const),
    ),
  )('neither role of %s reads the schema of %s', async (reader, other) => {
    await query(databases()[other].ownerUrl, 'create table if not exists secrets (id int)');
    // Even a table that was granted to everyone by mistake stays behind the schema.
    await query(databases()[other].ownerUrl, 'grant all on secrets to public');
    for (const url of [databases()[reader].appUrl, databases()[reader].ownerUrl]) {
      await expect(query(url, `select * from ${other}.secrets`)).rejects.toMatchObject({
        code: '42501',
        message: `permission denied for schema ${other}`,
      });
      await expect(query(url, `set role ${other}_owner`)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('functions made later are not everybody’s', async () => {
    const { ownerUrl, appUrl } = databases().cert;
    await query(ownerUrl, 'create function f() returns int language sql as $$ select 1 $$');
    await expect(query(appUrl, 'select f()')).rejects.toMatchObject({ code: '42501' });
  });

  test('repeated, also by several at once, it keeps the data and takes the new passwords', async () => {
    const { appUrl, ownerUrl } = databases().audit;
    await query(ownerUrl, 'create table kept (id int)');
    const changed = { ...passwords, audit: { owner: 'audit-owner', app: 'new one' } };
    const again = { adminUrl: server.adminUrl, database: 'cert_tasks', passwords: changed };
    const other = { ...again, database: 'other' };
    const [first] = await Promise.all([
      provisionDatabase(again),
      provisionDatabase(again),
      provisionDatabase(other),
      provisionDatabase(other),
    ]);
    await expect(query(appUrl, 'select 1')).rejects.toThrow('password authentication failed');
    expect(await query(first.audit.ownerUrl, 'select * from kept')).toEqual([]);
    await query(first.audit.appUrl, 'select 1');
    await provisionDatabase({ ...again, passwords });
  });

  test('a role of one database cannot connect to another that does not let it', async () => {
    await query(server.adminUrl, 'create database closed');
    await query(server.adminUrl, 'revoke all on database closed from public');
    const url = databases().cert.appUrl.replace(/cert_tasks$/, 'closed');
    await expect(query(url, 'select 1')).rejects.toMatchObject({ code: '42501' });
  });

  test('an administrator that is no superuser can do it', async () => {
    const fresh = await startEphemeralPostgres({ templateDirectory: templates });
    try {
      await query(fresh.adminUrl, "create role manager login createdb createrole password 'm'");
      const adminUrl = fresh.adminUrl.replace(/\/\/[^@]+@/, '//manager:m@');
      const made = await provisionDatabase({ adminUrl, database: 'cert_tasks', passwords });
      expect(await query(made.signer.appUrl, 'select current_user::text as u')).toEqual([{ u: 'signer_app' }]);
      await provisionDatabase({ adminUrl, database: 'cert_tasks', passwords });
    } finally {
      await fresh.stop();
    }
  });

  test('what goes wrong is one line without the password', async () => {
    await expect(
      provisionDatabase({ adminUrl: server.adminUrl, database: 'x; drop', passwords }),
    ).rejects.toMatchObject({ code: 'database-refused' });
    const adminUrl = server.adminUrl.replace(/\/\/[^@]+@/, '//postgres:hunter2@');
    const failure = await provisionDatabase({ adminUrl, database: 'x', passwords }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'database-refused',
      message: expect.stringMatching(
        /^The database server 127\.0\.0\.1:[0-9]+ refused to be set up: .*authentication failed/,
      ),
    });
    expect(String(failure)).not.toContain('hunter2');
  });
});

function databases(): ReturnType<typeof serviceDatabases> {
  return serviceDatabases({ adminUrl: server.adminUrl, database: 'cert_tasks', passwords });
}

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => undefined });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
