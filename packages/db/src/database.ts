import { backoffDelay, sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { type Logger, withSpan } from '@cert-tasks/telemetry';
import postgres from 'postgres';
import { classifyPgError } from './classify-pg-error.ts';
import { connectionTarget, type DatabaseTls, describeTarget } from './connection-settings.ts';
import { DbError } from './db-error.ts';
import { ormOverPool, ormOverTransaction } from './orm-session.ts';
import { type Orm, type Pool, SQL_TYPES, type Sql, type Tx } from './sql.ts';
import { TransactionGuard } from './transaction-guard.ts';
import { translateError } from './translate-error.ts';

const CONNECT_TIMEOUT_SECONDS = 5;
const STOP_TIMEOUT_SECONDS = 5;
const PING_TIMEOUT_MS = 3_000;
const MAX_LOCK_TIMEOUT_MS = 5_000;
/** A transaction that holds locks while its process does nothing is ended by the server. */
const IDLE_IN_TRANSACTION_MS = 30_000;
/** Longest pause before a connection is tried again, in seconds; what needs one waits that long. */
const MAX_RECONNECT_SECONDS = 1;
const MAX_ATTEMPTS = 5;
const RETRY_BACKOFF = { baseMs: 20, maxMs: 500 };

/** Options of {@link createDatabase}. */
export interface DatabaseOptions {
  /**
   * `postgres://user:password@host:port/database`. Off loopback TLS with verification is used; on loopback where
   * `sslmode` is require, verify-ca or verify-full.
   */
  readonly url: string;
  /** The service's schema; names without a schema are looked up there and nowhere else. */
  readonly schema: string;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Most connections of this pool, at least 1. */
  readonly maxConnections: number;
  readonly log: Logger;
  /** The server ends a statement after this many milliseconds, and a wait for a lock after as many (at most 5 s). */
  readonly statementTimeoutMs: number;
  readonly tls?: DatabaseTls;
}

/** How a transaction sees others. `read committed` by default; the stricter ones may be retried. */
export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** A pool of connections to one service's schema. */
export interface Database extends Service, Pool {
  readonly schema: string;
  /**
   * Answers when the database does.
   *
   * @throws DbError (as rejection) 'database-unavailable', after 3 seconds at the latest.
   */
  ping(): Promise<void>;
  /**
   * Runs `fn` in a transaction and commits when it resolves, rolls back when it rejects. On a serialization failure or a
   * deadlock the whole is run again (five times in all, with jittered pauses), so `fn` MUST do nothing that a rollback
   * does not undo. `name` is a constant: it names the span.
   *
   * @throws DbError (as rejection) 'database-unavailable', 'database-busy'. Anything else that `fn` or the commit raised
   * comes as it is; {@link classifyPgError} tells what it means.
   */
  transaction<T>(name: string, fn: (tx: Tx) => Promise<T>, options?: { isolation?: IsolationLevel }): Promise<T>;
  /** Runs statements on the pool, outside of a transaction, with a span and with errors as `transaction` gives them. */
  query<T>(name: string, fn: (pool: Pool) => Promise<T>): Promise<T>;
}

/**
 * Makes a pool. Nothing connects before `start` or the first statement; connections that break are made again when the
 * next statement needs one. Once stopped it stays stopped.
 *
 * @throws DbError 'invalid-url', 'insecure-connection'.
 */
export function createDatabase(options: DatabaseOptions): Database {
  return new PostgresDatabase(options);
}

class PostgresDatabase implements Database {
  readonly name: string;
  readonly schema: string;
  readonly sql: Sql;
  readonly orm: Orm;
  readonly #options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    this.name = `database ${options.schema}`;
    this.schema = options.schema;
    this.#options = options;
    this.sql = connect(options);
    this.orm = ormOverPool(this.sql);
  }

  /** @throws DbError (as rejection) 'database-unavailable', with what the server or the network said in its message. */
  async start(): Promise<void> {
    try {
      await this.ping();
    } catch (error) {
      const cause = error instanceof DbError ? error.cause : error;
      const reason = cause instanceof Error ? cause.message : String(error);
      throw new DbError(
        'database-unavailable',
        `The database ${describeTarget(this.#options.url)} does not let ${this.#options.applicationName} in: ${reason}`,
        { advice: 'Check that PostgreSQL runs and that DATABASE_URL is right.', cause },
      );
    }
  }

  async stop(): Promise<void> {
    await this.sql.end({ timeout: STOP_TIMEOUT_SECONDS });
  }

  async ping(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new DbError('database-unavailable', `The database did not answer within ${PING_TIMEOUT_MS} ms.`)),
        PING_TIMEOUT_MS,
      );
    });
    try {
      await Promise.race([this.sql`select 1`, late]);
    } catch (error) {
      throw translateError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  transaction<T>(
    name: string,
    fn: (tx: Tx) => Promise<T>,
    { isolation = 'read committed' }: { isolation?: IsolationLevel } = {},
  ): Promise<T> {
    return this.#inSpan(name, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await this.#runTransaction(fn, isolation);
        } catch (error) {
          const { kind } = classifyPgError(error);
          if ((kind !== 'serialization' && kind !== 'deadlock') || attempt >= MAX_ATTEMPTS) throw translateError(error);
          this.#options.log.debug({ transaction: name, kind, attempt }, 'a transaction is tried again');
          await sleep(backoffDelay({ attempt, ...RETRY_BACKOFF, random: Math.random }));
        }
      }
    });
  }

  query<T>(name: string, fn: (pool: Pool) => Promise<T>): Promise<T> {
    return this.#inSpan(name, async () => {
      try {
        return await fn(this);
      } catch (error) {
        throw translateError(error);
      }
    });
  }

  async #runTransaction<T>(fn: (tx: Tx) => Promise<T>, isolation: IsolationLevel): Promise<T> {
    const guard = new TransactionGuard();
    try {
      const begin = isolation === 'read committed' ? '' : `isolation level ${isolation}`;
      // In an object, since postgres.js takes a returned array for a list of statements.
      const { result } = await this.sql.begin(begin, (raw) =>
        guard.run(raw, async (sql) => ({ result: await fn({ sql, orm: ormOverTransaction(sql) }) })),
      );
      return result;
    } finally {
      guard.end();
    }
  }

  #inSpan<T>(name: string, fn: () => Promise<T>): Promise<T> {
    const attributes = { 'db.system.name': 'postgresql', 'db.namespace': this.schema };
    return withSpan({ name: `db ${name}`, kind: 'client' }, attributes, fn);
  }
}

function connect(options: DatabaseOptions): Sql {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema)) {
    throw new RangeError('A schema is named with lower-case letters, digits and underscores, at most 63.');
  }
  const { url, ssl } = connectionTarget(options.url, options.tls);
  return postgres<{ bigint: postgres.PostgresType<bigint> }>(url, {
    max: options.maxConnections,
    ssl,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    backoff: (failures) => (0.5 + Math.random() / 2) * Math.min(2 ** failures / 50, MAX_RECONNECT_SECONDS),
    types: SQL_TYPES,
    connection: {
      application_name: options.applicationName,
      search_path: options.schema,
      TimeZone: 'UTC',
      statement_timeout: options.statementTimeoutMs,
      lock_timeout: Math.min(options.statementTimeoutMs, MAX_LOCK_TIMEOUT_MS),
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    },
    onnotice: (notice) => options.log.debug({ code: notice['code'] }, notice['message'] ?? 'notice of the database'),
  });
}
