import type { ConnectionOptions } from 'node:tls';
import { DbError } from './db-error.ts';

/** Certificates to trust when connecting to the server. */
export interface DatabaseTls {
  /** PEM certificates of the CAs that may have issued the server's certificate. Default: those that Node.js trusts. */
  readonly caPem?: string;
}

/** What a database URL asks for, after the checks. */
export interface ConnectionTarget {
  /** The URL without `sslmode`, which postgres.js would understand in another way. */
  readonly url: string;
  /** TLS settings, or false for plain text. */
  readonly ssl: false | ConnectionOptions;
}

/** libpq's modes; all but `disable` verify here. */
const SSL_MODES = new Set(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']);

/**
 * Decides how to connect. Off loopback: TLS that verifies the server's certificate and name, always. On loopback: plain
 * text, or the same TLS where `sslmode` is `require` or stronger.
 *
 * @throws DbError 'invalid-url'; 'insecure-connection' where the URL asks for plain text to another machine.
 */
export function connectionTarget(text: string, tls: DatabaseTls = {}): ConnectionTarget {
  const url = parseUrl(text);
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !SSL_MODES.has(mode)) {
    throw invalid(`its sslmode must be one of ${[...SSL_MODES].join(', ')}`);
  }
  url.searchParams.delete('sslmode');
  const ssl: ConnectionOptions = { rejectUnauthorized: true, ...(tls.caPem === undefined ? {} : { ca: tls.caPem }) };
  if (!hostsOf(url).every(isLoopback)) {
    if (mode === 'disable') {
      throw new DbError(
        'insecure-connection',
        'The database is on another machine and sslmode=disable is set. Remove it: TLS is required there.',
      );
    }
    return { url: url.href, ssl };
  }
  const wantsTls = mode === 'require' || mode === 'verify-ca' || mode === 'verify-full';
  return { url: url.href, ssl: wantsTls ? ssl : false };
}

/** The URL for a message: without its password. */
export function describeTarget(text: string): string {
  const url = parseUrl(text);
  return `${url.host}${url.pathname}`;
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw invalid('it cannot be read');
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw invalid('it starts with another scheme');
  if (url.hostname === '') throw invalid('it names no host');
  if (url.searchParams.has('host') || url.searchParams.has('port')) {
    throw invalid('host and port belong before the path, not in a parameter');
  }
  return url;
}

/** The message leaves the URL out: it holds a password. */
function invalid(reason: string): DbError {
  return new DbError('invalid-url', `The database URL is no postgres://user:password@host:port/database: ${reason}.`);
}

/** Several hosts that share a port (`a,b:5432`) come out of URL parsing as one host name with commas. */
function hostsOf(url: URL): readonly string[] {
  return url.hostname.split(',');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
