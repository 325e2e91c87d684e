import type { Logger } from '@cert-tasks/telemetry';
import postgres from 'postgres';
import { classifyPgError } from './classify-pg-error.ts';
import { connectionTarget, type DatabaseTls } from './connection-settings.ts';
import { DbError } from './db-error.ts';
import { type Migration, migrationStatements, readMigrations } from './migration-folder.ts';
import type { Queryable } from './sql.ts';
import { translateError } from './translate-error.ts';

const CONNECT_TIMEOUT_SECONDS = 5;
/** First key of the advisory locks of migrations; the second is derived from the schema. */
const LOCK_CLASS = 7_440_002;
/** How long another migration of the same schema is waited for. */
const LOCK_WAIT = '120s';
/** How long a migration waits for a table's lock: everybody else's statements queue behind it meanwhile. */
const DDL_LOCK_WAIT = '10s';

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** URL of the role that owns the schema. */
  readonly ownerUrl: string;
  readonly schema: string;
  /** A drizzle-kit folder. */
  readonly folder: string;
  readonly log: Logger;
  /** Role that the service runs as, which `{{app_role}}` in the files stands for. Default: `<schema>_app`. */
  readonly appRole?: string;
  readonly tls?: DatabaseTls;
}

interface AppliedMigration {
  readonly tag: string;
  readonly hash: string;
}

/**
 * Brings the schema up to date: applies the folder's migrations that are not applied yet, in order, each in a transaction
 * of its own together with its row in `<schema>.schema_migrations`. Several processes may do this at once. Returns the
 * tags that this call applied. There is no way back but a new migration.
 *
 * @throws DbError (as rejection) 'database-newer' when the database has migrations that the folder lacks;
 * 'migration-changed' when an applied file is not what it was, or a new one was put before it; 'migration-failed' with the
 * file's name, nothing of it applied; 'invalid-migrations'; 'database-unavailable'; 'invalid-url'; 'insecure-connection'.
 */
export async function migrate(options: MigrateOptions): Promise<readonly string[]> {
  const { schema, log, appRole = `${schema}_app` } = options;
  const migrations = await readMigrations(options.folder);
  const target = connectionTarget(options.ownerUrl, options.tls);
  const sql = postgres(target.url, {
    max: 1,
    ssl: target.ssl,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    connection: { application_name: 'cert-tasks-migrate', search_path: schema, TimeZone: 'UTC' },
    onnotice: (notice) => log.debug({ code: notice['code'] }, notice['message'] ?? 'notice of the database'),
  });
  const applied: string[] = [];
  try {
    for (;;) {
      const tag = await sql.begin((tx) => applyNext({ tx, schema, migrations, appRole }));
      if (tag === undefined) return applied;
      log.info({ schema, migration: tag }, 'a migration was applied');
      applied.push(tag);
    }
  } catch (error) {
    throw translateError(error);
  } finally {
    await sql.end();
  }
}

/**
 * Checks that the schema is what this code's migrations make of it; for a service's start, as its runtime role.
 *
 * @throws DbError (as rejection) 'database-newer', 'database-older', 'migration-changed', 'invalid-migrations',
 * 'database-unavailable'.
 */
export async function verifyMigrations({
  db,
  schema,
  folder,
}: {
  db: Queryable;
  schema: string;
  folder: string;
}): Promise<void> {
  const migrations = await readMigrations(folder);
  let applied: readonly AppliedMigration[] = [];
  try {
    applied = await db.sql<AppliedMigration[]>`
      select tag, hash from ${db.sql(`${schema}.schema_migrations`)} order by position`;
  } catch (error) {
    if (classifyPgError(error).kind !== 'too-new') throw translateError(error);
  }
  const next = nextMigration({ schema, migrations, applied });
  if (next !== undefined) {
    throw new DbError(
      'database-older',
      `The database lacks migration ${next.tag} of schema ${schema}. Run the migrations, then start again.`,
    );
  }
}

/** Applies the first migration that is missing and returns its tag; undefined when none is. */
async function applyNext(options: {
  tx: postgres.TransactionSql;
  schema: string;
  migrations: readonly Migration[];
  appRole: string;
}): Promise<string | undefined> {
  const { tx, schema, appRole } = options;
  // 1. Nobody else migrates this schema until the end of the transaction.
  await tx`select set_config('lock_timeout', ${LOCK_WAIT}, true)`;
  await tx`select pg_advisory_xact_lock(${LOCK_CLASS}, hashtext(${schema}))`;
  await tx`select set_config('lock_timeout', ${DDL_LOCK_WAIT}, true)`;

  // 2. What is there, read under the lock.
  await createBookkeeping(tx, { schema, appRole });
  const applied = await tx<AppliedMigration[]>`
    select tag, hash from ${tx(`${schema}.schema_migrations`)} order by position`;
  const next = nextMigration({ ...options, applied });
  if (next === undefined) return undefined;

  // 3. The migration and its row, together.
  try {
    for (const statement of migrationStatements(next, { appRole })) await tx.unsafe(statement);
  } catch (cause) {
    if (cause instanceof DbError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DbError('migration-failed', `Migration ${next.tag} of schema ${schema} failed: ${reason}`, { cause });
  }
  await tx`
    insert into ${tx(`${schema}.schema_migrations`)} (position, tag, hash)
    values (${applied.length + 1}, ${next.tag}, ${next.hash})`;
  return next.tag;
}

async function createBookkeeping(
  tx: postgres.TransactionSql,
  { schema, appRole }: { schema: string; appRole: string },
): Promise<void> {
  const [found] = await tx<{ schema: boolean; table: boolean }[]>`
    select to_regnamespace(${`"${schema}"`}) is not null as schema,
      to_regclass(${`"${schema}".schema_migrations`}) is not null as table`;
  if (found?.table === true) return;
  // Where the schema exists already, its owner need not have the right to make one.
  if (found?.schema !== true) await tx`create schema ${tx(schema)}`;
  await tx`
    create table ${tx(`${schema}.schema_migrations`)} (
      position integer primary key,
      tag text not null unique,
      hash text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`;
  await tx`grant select on ${tx(`${schema}.schema_migrations`)} to ${tx(appRole)}`;
}

/** The first migration that is not applied, once it is sure that those applied are the first of the folder. */
function nextMigration({
  schema,
  migrations,
  applied,
}: {
  schema: string;
  migrations: readonly Migration[];
  applied: readonly AppliedMigration[];
}): Migration | undefined {
  const known = new Set(migrations.map((migration) => migration.tag));
  const unknown = applied.find((row) => !known.has(row.tag));
  if (unknown !== undefined) {
    throw new DbError(
      'database-newer',
      `The database has migration ${unknown.tag} of schema ${schema}, which this version does not know. Use the newer version.`,
    );
  }
  applied.forEach((row, index) => {
    const migration = migrations[index];
    if (migration?.tag === row.tag && migration.hash === row.hash) return;
    throw new DbError(
      'migration-changed',
      `Migration ${row.tag} of schema ${schema} was applied in another form or order. Restore the file; put changes in a new one at the end.`,
    );
  });
  return migrations[applied.length];
}
