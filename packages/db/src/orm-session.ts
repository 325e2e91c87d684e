import { DrizzleQueryError } from 'drizzle-orm';
import { PgDialect, type PgPreparedQuery, type PreparedQueryConfig } from 'drizzle-orm/pg-core';
import { PostgresJsDatabase, PostgresJsSession, PostgresJsTransaction } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';
import type { Orm, Sql, TransactionOrm, TransactionSql } from './sql.ts';

type NoSchema = Record<string, never>;
// drizzle's types demand a pool where a transaction will do, and a transaction where either will do.
type Client = postgres.Sql & postgres.TransactionSql;
type Session = PostgresJsSession<Client, NoSchema, NoSchema>;

/**
 * Statements with more parameters (inserts of many rows, long IN lists) come in ever new forms: kept as prepared
 * statements they would fill the server's memory.
 */
const MAX_PREPARED_PARAMETERS = 40;

const dialect = new PgDialect();

/**
 * A drizzle session whose statements are prepared, which saves a round trip each. drizzle's own factory is not used: it
 * overwrites the conversions of dates and JSON for the tagged templates of the same pool.
 */
class PreparingSession extends PostgresJsSession<Client, NoSchema, NoSchema> {
  override prepareQuery<T extends PreparedQueryConfig = PreparedQueryConfig>(
    ...[query, fields, name, ...rest]: Parameters<Session['prepareQuery']>
  ): PgPreparedQuery<T> {
    const preparedName = name ?? (query.params.length <= MAX_PREPARED_PARAMETERS ? 'prepared' : undefined);
    const prepared = super.prepareQuery<T>(query, fields, preparedName, ...rest);
    const execute = prepared.execute.bind(prepared);
    prepared.execute = (placeholders) => execute(placeholders).catch(rethrowCause);
    return prepared;
  }
}

/** drizzle over the pool. */
export function ormOverPool(sql: Sql): Orm {
  return new PostgresJsDatabase(dialect, sessionOver(sql), undefined);
}

/** drizzle over an open transaction. */
export function ormOverTransaction(sql: TransactionSql): TransactionOrm {
  return new PostgresJsTransaction(dialect, sessionOver(sql), undefined);
}

/** What a session calls on its client, pool and transaction both have. */
function sessionOver(client: Sql | TransactionSql): Session {
  return new PreparingSession(client as unknown as Client, dialect, undefined);
}

/** drizzle's own error has the values of all parameters in its message, which would end up in logs. */
function rethrowCause(error: unknown): never {
  throw error instanceof DrizzleQueryError && error.cause !== undefined ? error.cause : error;
}
