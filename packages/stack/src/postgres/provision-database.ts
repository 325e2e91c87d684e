import postgres from 'postgres';
import { StackError } from '../stack-error.ts';
import { scramVerifier } from './scram-verifier.ts';

/** The services that own a schema. Schema and roles are named after them. */
export const DATABASE_SERVICES = ['cert', 'signer', 'task', 'audit'] as const;

/** A service that owns a schema. */
export type DatabaseService = (typeof DATABASE_SERVICES)[number];

/** Passwords of a service's two roles; printable ASCII. */
export interface RolePasswords {
  readonly owner: string;
  readonly app: string;
}

/** How a service reaches the database. The URLs hold the passwords. */
export interface ServiceDatabase {
  readonly schema: DatabaseService;
  /** Role `<service>_owner`: migrates. */
  readonly ownerUrl: string;
  /** Role `<service>_app`: what the service runs as. */
  readonly appUrl: string;
}

/** What {@link provisionDatabase} is given. */
export interface ProvisionOptions {
  /** URL of a role that may create databases and roles, on any database of the server. */
  readonly adminUrl: string;
  /** Name of the database: lower case letters, digits and underscores, at most 63. */
  readonly database: string;
  readonly passwords: Readonly<Record<DatabaseService, RolePasswords>>;
}

/** Held by every provisioning of one server: roles belong to the server, not to a database. */
const ADVISORY_LOCK = 7_440_001;
const OLDEST_VERSION = 150_000;
const CONNECT_TIMEOUT_SECONDS = 10;

/**
 * Makes the database, and for each service its schema and two roles: the owner, which owns the schema and migrates, and
 * the runtime role, which may use that schema and no other (what it may do to the tables in it, the migrations grant).
 * PUBLIC keeps no right on the database, on the schema public or on functions made later. Repeating it changes nothing,
 * except that the passwords become those given.
 *
 * @throws StackError 'database-refused' when the server cannot be reached, is older than 15 or refuses a statement.
 */
export async function provisionDatabase(
  options: ProvisionOptions,
): Promise<Readonly<Record<DatabaseService, ServiceDatabase>>> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.database)) {
    throw new StackError(
      'database-refused',
      `${JSON.stringify(options.database)} is not a name for a database here: lower case letters, digits and underscores.`,
    );
  }
  try {
    await withConnection(options.adminUrl, async (admin) => {
      await checkVersion(admin);
      // Advisory locks are per database; everyone takes this one on the database of adminUrl.
      await admin`select pg_advisory_lock(${ADVISORY_LOCK})`;
      await provisionRoles(admin, options.passwords);
      const exists = await admin`select 1 from pg_database where datname = ${options.database}`;
      if (exists.length === 0) await admin.unsafe(`create database ${options.database}`);
      await withConnection(withDatabase(options.adminUrl, options.database), (sql) =>
        provisionSchemas(sql, options.database),
      );
    });
  } catch (cause) {
    if (cause instanceof StackError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StackError(
      'database-refused',
      `The database server ${serverOf(options.adminUrl)} refused to be set up: ${reason}`,
      { cause },
    );
  }
  return serviceDatabases(options);
}

/** The URLs that {@link provisionDatabase} returns, without touching the server. */
export function serviceDatabases(options: ProvisionOptions): Readonly<Record<DatabaseService, ServiceDatabase>> {
  const describe = (service: DatabaseService): ServiceDatabase => ({
    schema: service,
    ownerUrl: roleUrl(options, { role: `${service}_owner`, password: options.passwords[service].owner }),
    appUrl: roleUrl(options, { role: `${service}_app`, password: options.passwords[service].app }),
  });
  return { cert: describe('cert'), signer: describe('signer'), task: describe('task'), audit: describe('audit') };
}

async function checkVersion(sql: postgres.Sql): Promise<void> {
  const rows = await sql<{ version: string }[]>`select current_setting('server_version_num') as version`;
  const version = Number(rows[0]?.version ?? 0);
  if (version < OLDEST_VERSION) {
    throw new StackError(
      'database-refused',
      `The database server is PostgreSQL ${Math.floor(version / 10_000)}; 15 or newer is needed.`,
    );
  }
}

async function provisionRoles(sql: postgres.Sql, passwords: ProvisionOptions['passwords']): Promise<void> {
  const known = new Set((await sql<{ rolname: string }[]>`select rolname from pg_roles`).map((row) => row.rolname));
  for (const service of DATABASE_SERVICES) {
    for (const [kind, password] of [
      ['owner', passwords[service].owner] as const,
      ['app', passwords[service].app] as const,
    ]) {
      const role = `${service}_${kind}`;
      if (!known.has(role)) await sql.unsafe(`create role ${role}`);
      await sql.unsafe(
        `alter role ${role} login nocreatedb nocreaterole noinherit password '${scramVerifier(password)}'`,
      );
    }
    // An administrator that is no superuser needs the owner's role to give it a schema.
    await sql.unsafe(`
      do $$ begin
        if not (select rolsuper from pg_roles where rolname = current_user) then
          execute format('grant ${service}_owner to %I', current_user);
        end if;
      end $$`);
  }
}

async function provisionSchemas(sql: postgres.Sql, database: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx.unsafe(`revoke all on database ${database} from public`);
    await tx.unsafe('revoke all on schema public from public');
    for (const service of DATABASE_SERVICES) {
      const owner = `${service}_owner`;
      const app = `${service}_app`;
      await tx.unsafe(`grant connect on database ${database} to ${owner}, ${app}`);
      // TEMP is what some migrations need; the runtime role has no use for it.
      await tx.unsafe(`grant temporary on database ${database} to ${owner}`);
      await tx.unsafe(`create schema if not exists ${service} authorization ${owner}`);
      await tx.unsafe(`grant usage on schema ${service} to ${app}`);
      await tx.unsafe(`alter role ${owner} in database ${database} set search_path = ${service}`);
      await tx.unsafe(`alter role ${app} in database ${database} set search_path = ${service}`);
      await tx.unsafe(`alter default privileges for role ${owner} revoke all on functions from public`);
      await tx.unsafe(`alter default privileges for role ${owner} revoke all on types from public`);
    }
  });
}

async function withConnection(url: string, run: (sql: postgres.Sql) => Promise<void>): Promise<void> {
  const sql = postgres(url, {
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    onnotice: () => undefined,
    connection: { application_name: 'cert-tasks-stack' },
  });
  try {
    await run(sql);
  } finally {
    await sql.end();
  }
}

function roleUrl(options: ProvisionOptions, role: { role: string; password: string }): string {
  const url = new URL(withDatabase(options.adminUrl, options.database));
  url.username = role.role;
  url.password = encodeURIComponent(role.password);
  return url.href;
}

function withDatabase(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** Host and port, for messages: the URL itself holds a password. */
function serverOf(adminUrl: string): string {
  return URL.canParse(adminUrl) ? new URL(adminUrl).host : '(its URL cannot be read)';
}
