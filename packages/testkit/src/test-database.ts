import { randomBytes } from 'node:crypto';
import { type DatabaseService, serviceDatabases } from '@cert-tasks/stack';
import postgres from 'postgres';
import { inject } from 'vitest';
// For what global-setup provides; `inject` takes its types from there.
import type {} from './test-services.ts';

/** A database of a test's own. */
export interface TestDatabase {
  /** Name of the service's schema in it. */
  readonly schema: DatabaseService;
  /** Role that migrates. */
  readonly ownerUrl: string;
  /** Role that the service runs as. */
  readonly appUrl: string;
  /** Superuser, on this database. */
  readonly adminUrl: string;
  /** Deletes it, and ends whatever is connected to it. */
  drop(): Promise<void>;
}

/** All services' schemas in one database, for tests that span services. */
export interface TestDatabases {
  readonly adminUrl: string;
  readonly services: Readonly<Record<DatabaseService, Omit<TestDatabase, 'drop' | 'adminUrl'>>>;
  drop(): Promise<void>;
}

/**
 * Makes a fresh database in the run's PostgreSQL: schemas and roles are there, tables are not. The caller migrates.
 */
export async function createTestDatabase({ service }: { service: DatabaseService }): Promise<TestDatabase> {
  const { adminUrl, services, drop } = await createTestDatabases();
  return { ...services[service], adminUrl, drop };
}

/** {@link createTestDatabase} for all services at once. */
export async function createTestDatabases(): Promise<TestDatabases> {
  const server = inject('certTasksPostgres');
  const database = `test_${randomBytes(8).toString('hex')}`;
  await asAdmin(server.adminUrl, `create database ${database} template ${server.template}`);
  const url = new URL(server.adminUrl);
  url.pathname = `/${database}`;
  return {
    adminUrl: url.href,
    services: serviceDatabases({ adminUrl: server.adminUrl, database, passwords: server.passwords }),
    drop: () => asAdmin(server.adminUrl, `drop database if exists ${database} with (force)`),
  };
}

async function asAdmin(adminUrl: string, statement: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
