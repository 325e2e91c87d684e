import postgres from 'postgres';

/**
 * What kind of failure PostgreSQL or the connection to it reported.
 *
 * `too-new`: the database lacks a table, column or function, or has one that this code does not expect (SQLSTATE 42P01,
 * 42703, 42883), as when code and migrations are of different versions.
 */
export type PgErrorKind =
  | 'unique-violation'
  | 'foreign-key'
  | 'check'
  | 'serialization'
  | 'deadlock'
  | 'lock-timeout'
  | 'statement-timeout'
  | 'connection'
  | 'too-new'
  | 'other';

/** Answer of {@link classifyPgError}. */
export interface PgErrorClass {
  readonly kind: PgErrorKind;
  /** Name of the violated constraint, where there is one. */
  readonly constraint?: string;
}

/** PostgreSQL manual, appendix A. Classes 08 and 57P are handled by prefix. */
const KINDS: Readonly<Record<string, PgErrorKind>> = {
  '23505': 'unique-violation',
  '23503': 'foreign-key',
  '23514': 'check',
  '40001': 'serialization',
  '40P01': 'deadlock',
  '55P03': 'lock-timeout',
  '57014': 'statement-timeout',
  '42P01': 'too-new',
  '42703': 'too-new',
  '42883': 'too-new',
  // Too many connections; a server that became a read-only standby; sessions ended by their own timeouts.
  '53300': 'connection',
  '25006': 'connection',
  '25P03': 'connection',
  '25P04': 'connection',
};

/** postgres.js's own codes. */
const DRIVER_CODES = new Set(['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT']);

/** Codes of Node.js for sockets (ECONNRESET), name look-up (EAI_AGAIN) and TLS. */
const NETWORK_CODE = /^(?:E[A-Z]+|EAI_[A-Z]+|(?:ERR_SSL|ERR_TLS|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)_\w+)$/;

/** Errors are wrapped a few levels deep at most (drizzle adds one); this bounds a cycle. */
const MAX_CAUSES = 8;

/**
 * The kind of a failure, by SQLSTATE or error code alone, never by text. Looks through errors that wrap another as their
 * cause. What did not come from PostgreSQL, or has a code not listed here, is `other`.
 */
export function classifyPgError(error: unknown): PgErrorClass {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    if (current instanceof postgres.PostgresError) return classifyServerError(current);
    if (isConnectionError(current)) return { kind: 'connection' };
    current = current.cause;
  }
  return { kind: 'other' };
}

function classifyServerError(error: postgres.PostgresError): PgErrorClass {
  const { code, constraint_name: constraint } = error;
  // 08: connection exceptions; 57P: the server shuts down, crashed, starts up, or the database was dropped.
  const kind = code.startsWith('08') || code.startsWith('57P') ? 'connection' : (KINDS[code] ?? 'other');
  return constraint === undefined || constraint === '' ? { kind } : { kind, constraint };
}

/**
 * Besides its own errors postgres.js passes on those of Node.js (sockets, name look-up, TLS), to which it adds the
 * statement: that tells them from the network errors of other clients.
 */
function isConnectionError(error: Error): boolean {
  if (!('code' in error) || typeof error.code !== 'string') return false;
  return DRIVER_CODES.has(error.code) || (Object.hasOwn(error, 'query') && NETWORK_CODE.test(error.code));
}
