import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DatabaseService,
  NATS_USERS,
  type NatsUser,
  type RolePasswords,
  userCacheDirectory,
} from '@cert-tasks/stack';

/** Where PostgreSQL of a test run is. Plain data, as it goes from vitest's process to its workers. */
export interface TestPostgres {
  /** URL of the superuser on the database `postgres`. */
  readonly adminUrl: string;
  /** A database with every service's schema and roles, to be copied. */
  readonly template: string;
  readonly passwords: Readonly<Record<DatabaseService, RolePasswords>>;
}

/** Where NATS of a test run is. */
export interface TestNatsTarget {
  readonly url: string;
  readonly passwords: Readonly<Record<NatsUser, string>>;
  /** The program, for servers of a test's own. */
  readonly executable: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly certTasksPostgres: TestPostgres;
    readonly certTasksNats: TestNatsTarget;
  }
}

/** One password for all: these servers listen on loopback and end with the tests. */
const PASSWORD = 'test-only';

/** Passwords of the database roles in tests. */
export const TEST_ROLE_PASSWORDS: Readonly<Record<DatabaseService, RolePasswords>> = {
  cert: { owner: PASSWORD, app: PASSWORD },
  signer: { owner: PASSWORD, app: PASSWORD },
  task: { owner: PASSWORD, app: PASSWORD },
  audit: { owner: PASSWORD, app: PASSWORD },
};

/** Passwords of the NATS users in tests. */
export const TEST_NATS_PASSWORDS: Readonly<Record<NatsUser, string>> = Object.freeze(
  Object.fromEntries(NATS_USERS.map((user) => [user, PASSWORD])) as Record<NatsUser, string>,
);

/** Folder that keeps programs and templates between runs. */
export function testCacheDirectory(): string {
  return userCacheDirectory(process.env) ?? join(tmpdir(), 'cert-tasks-cache');
}
