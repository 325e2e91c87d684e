import type { ConnectionOptions } from 'nats';
import { MessagingError } from './messaging-error.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 10_000;
const MAX_PINGS_OUT = 2;
const RECONNECT_MIN_MS = 100;
const RECONNECT_SPREAD_MS = 1_900;

/** Where NATS is, and as whom to connect. */
export interface NatsTarget {
  /** `nats://host:port` or `tls://host:port`; without credentials. Off loopback, TLS is used either way. */
  readonly url: string;
  readonly credentials?: { readonly user: string; readonly password: string };
  /** PEM certificates of the CAs that may have issued the server's certificate. Default: those that Node.js trusts. */
  readonly caPem?: string;
  /** Who connects, as the server's monitoring shows it. */
  readonly name: string;
}

/**
 * Options for the NATS client: reconnects for ever, with jitter, whatever the reason.
 *
 * @throws MessagingError 'invalid-url'; 'insecure-connection' when the URL holds credentials, which would end up in logs.
 */
export function connectionOptions({ url, credentials, caPem, name }: NatsTarget): ConnectionOptions {
  const target = parseUrl(url);
  const tls = target.protocol === 'tls:' || !isLoopback(target.hostname);
  return {
    servers: target.host,
    name,
    timeout: CONNECT_TIMEOUT_MS,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => RECONNECT_MIN_MS + Math.floor(Math.random() * RECONNECT_SPREAD_MS),
    ignoreAuthErrorAbort: true,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: MAX_PINGS_OUT,
    noAsyncTraces: true,
    ...(credentials === undefined ? {} : { user: credentials.user, pass: credentials.password }),
    // Present, it demands TLS: a server that does not offer it is refused.
    ...(tls ? { tls: caPem === undefined ? {} : { ca: caPem } } : {}),
  };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || (parsed.protocol !== 'nats:' && parsed.protocol !== 'tls:') || parsed.hostname === '') {
    throw new MessagingError('invalid-url', 'The NATS URL is no nats://host:port or tls://host:port.');
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new MessagingError(
      'insecure-connection',
      'The NATS URL holds credentials. Give user and password in settings of their own.',
    );
  }
  return parsed;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
