import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase, type TestDatabase, testLog } from '@cert-tasks/testkit';
import { createDatabase, type Database, type DatabaseOptions, migrate } from '../src/index.ts';

/** The service whose schema and roles these tests use. */
export const SCHEMA = 'cert';

/** What drizzle-kit makes of leaseTable, with the grants that it does not make. */
export const LEASES = `
create table cert.leases (name text not null, holder text not null, fence bigint not null, expires_at timestamptz not null,
  constraint leases_pkey primary key (name), constraint leases_fence_key unique (name, fence));
--> statement-breakpoint
grant select, insert, update on cert.leases to {{app_role}};`;

/** Writes a folder as drizzle-kit does, for as long as `use` takes. */
export async function withMigrations<T>(
  files: Readonly<Record<string, string>>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'migrations-'));
  try {
    await mkdir(join(folder, 'meta'));
    const entries = Object.keys(files).map((tag, idx) => ({ idx, tag, version: '7', when: 0, breakpoints: true }));
    await writeFile(
      join(folder, 'meta/_journal.json'),
      JSON.stringify({ version: '7', dialect: 'postgresql', entries }),
    );
    for (const [tag, text] of Object.entries(files)) await writeFile(join(folder, `${tag}.sql`), text);
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A database with the given migrations, and a way to connect to it as the runtime role. */
export interface Fixture {
  readonly database: TestDatabase;
  connect(options?: Partial<DatabaseOptions>): Database;
  /** Stops what was connected and drops the database. */
  end(): Promise<void>;
}

export async function fixture(files: Readonly<Record<string, string>>): Promise<Fixture> {
  const database = await createTestDatabase({ service: SCHEMA });
  const { log } = testLog();
  await withMigrations(files, (folder) => migrate({ ownerUrl: database.ownerUrl, schema: SCHEMA, folder, log }));
  const connected: Database[] = [];
  return {
    database,
    connect(options = {}) {
      const db = createDatabase({
        url: database.appUrl,
        schema: SCHEMA,
        applicationName: 'db-test',
        maxConnections: 4,
        log,
        statementTimeoutMs: 5_000,
        ...options,
      });
      connected.push(db);
      return db;
    },
    async end() {
      await Promise.all(connected.map((db) => db.stop()));
      await database.drop();
    },
  };
}

/** Ends the server process behind a connection, as an administrator or a crash does. */
export async function terminateBackend(admin: Database, pid: number): Promise<void> {
  await admin.sql`select pg_terminate_backend(${pid})`;
}
