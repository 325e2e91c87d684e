import type { PostgresJsDatabase, PostgresJsTransaction } from 'drizzle-orm/postgres-js';
import type postgres from 'postgres';

/** JavaScript types beyond those of postgres.js that parameters may have. */
export interface SqlTypes extends Record<string, unknown> {
  /** int8, both ways. */
  readonly bigint: bigint;
}

/**
 * The pool as tagged templates of postgres.js. Statements are prepared once for each connection.
 *
 * int8 is bigint, bytea is Uint8Array, timestamptz is Date, both as parameter and in rows. date and timestamp without
 * time zone are text. json and jsonb are parsed in rows; as a parameter, an object is encoded and a string is taken for
 * JSON already. Arrays are given as `sql.array(values, oidOfAnElement)`.
 */
export type Sql = postgres.Sql<SqlTypes>;

/** {@link Sql} inside a transaction. */
export type TransactionSql = postgres.TransactionSql<SqlTypes>;

/** The pool through drizzle. Statements of more than 40 parameters are not prepared. */
export type Orm = PostgresJsDatabase<Record<string, never>>;

/** {@link Orm} inside a transaction. */
export type TransactionOrm = PostgresJsTransaction<Record<string, never>, Record<string, never>>;

/** An open transaction. It ends with the function that was given it: later statements are refused. */
export interface Tx {
  readonly sql: TransactionSql;
  readonly orm: TransactionOrm;
}

/** The pool itself: each statement is a transaction of its own. */
export interface Pool {
  readonly sql: Sql;
  readonly orm: Orm;
}

/** Where a statement can go: the pool or an open transaction. */
export type Queryable = Pool | Tx;

/** Object ids of PostgreSQL's types, for `sql.array`. */
export const PG_OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;

/** Conversions of postgres.js between rows or parameters and JavaScript values. */
export const SQL_TYPES = {
  bigint: { to: 20, from: [20], parse: (text: string) => BigInt(text), serialize: (value: bigint) => value.toString() },
  bytea: {
    to: 17,
    from: [17],
    parse: parseBytea,
    serialize: (value: Uint8Array) => `\\x${asBuffer(value).toString('hex')}`,
  },
  json: { to: 114, from: [114, 3802], parse: (text: string): unknown => JSON.parse(text), serialize: serializeJson },
  date: {
    to: 1184,
    from: [1184],
    parse: (text: string) => new Date(text),
    serialize: (value: Date | string) => (value instanceof Date ? value.toISOString() : value),
  },
  // JavaScript has no type for a date without a time zone: a Date would be read in the zone of this machine.
  calendar: { to: 1082, from: [1082, 1114], parse: (text: string) => text, serialize: (value: string) => value },
};

/** bytea in its hex form: `\x` and two digits a byte. */
function parseBytea(text: string): Uint8Array {
  const buffer = Buffer.from(text.slice(2), 'hex');
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** drizzle hands over JSON text, tagged templates hand over values. */
function serializeJson(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
