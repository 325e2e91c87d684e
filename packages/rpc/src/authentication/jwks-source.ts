import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '@cert-tasks/kernel';
import type { Logger } from '@cert-tasks/telemetry';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { isLoopback } from '../listener/listen-on.ts';
import { AuthenticationError } from './authentication-error.ts';

/** Where the public keys of token issuers are: a JWKS file (RFC 7517), or a URL by https (plain http on loopback only). */
export type JwksLocation = { readonly file: string } | { readonly url: string };

/** One state of the keys. */
export interface KeySet {
  readonly getKey: JWTVerifyGetKey;
}

/** Gives the keys as they are now: the same object while they have not changed. */
export type JwksSource = () => Promise<KeySet>;

/** A file is looked at this often at most; a URL is read again this often. */
const FILE_CHECK_MS = 3_000;
const URL_REFRESH_MS = 60_000;

/** After a failure the next look is not before this. */
const RETRY_MS = 3_000;

const MAX_BYTES = 256 * 1_024;
const MAX_KEYS = 64;
const FETCH_TIMEOUT_MS = 5_000;

interface Loaded {
  readonly text: string;
  readonly keys: KeySet;
}

/**
 * Reads keys and keeps them. Where they cannot be read again, the keys known last go on to count.
 *
 * @throws TypeError when the URL is neither https nor loopback.
 */
export function jwksSource(
  location: JwksLocation,
  { clock, log }: { clock: Clock; log?: Logger | undefined },
): JwksSource {
  const refreshMs = 'file' in location ? FILE_CHECK_MS : URL_REFRESH_MS;
  const read = 'file' in location ? fileReader(location.file) : urlReader(location.url);
  let loaded: Loaded | undefined;
  let nextLookMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    try {
      const text = await read();
      if (text !== undefined && text !== loaded?.text) loaded = { text, keys: parseKeys(text) };
      nextLookMs = clock.now().getTime() + refreshMs;
    } catch (cause) {
      nextLookMs = clock.now().getTime() + RETRY_MS;
      if (loaded === undefined) throw unavailable(cause);
      log?.warn({ err: cause }, 'the keys of the token issuer could not be read again; those known last still count');
    } finally {
      looking = undefined;
    }
  };
  return async () => {
    if (loaded === undefined || clock.now().getTime() >= nextLookMs) {
      if (loaded === undefined && clock.now().getTime() < nextLookMs) throw unavailable(undefined);
      looking ??= look();
      await looking;
    }
    if (loaded === undefined) throw unavailable(undefined);
    return loaded.keys;
  };
}

/** Answers undefined while the file is what it was. */
function fileReader(file: string): () => Promise<string | undefined> {
  let seen = '';
  return async () => {
    const { mtimeMs, size, ino } = await stat(file);
    if (size > MAX_BYTES) throw new RangeError(`The JWKS file is larger than ${MAX_BYTES} bytes.`);
    const state = `${ino} ${mtimeMs} ${size}`;
    if (state === seen) return undefined;
    const text = await readFile(file, 'utf8');
    // Parsed here, so that a file caught half-written is read again.
    parseKeys(text);
    seen = state;
    return text;
  };
}

function urlReader(text: string): () => Promise<string> {
  const url = new URL(text);
  const isSafe =
    url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1')));
  if (!isSafe)
    throw new TypeError(`The JWKS URL must be https, or http on loopback, not ${url.protocol}//${url.host}.`);
  return async () => {
    const response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      headers: { accept: 'application/json' },
    });
    if (!response.ok || response.body === null)
      throw new Error(`The JWKS URL answered with status ${response.status}.`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw new RangeError(`The JWKS is larger than ${MAX_BYTES} bytes.`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  };
}

function parseKeys(text: string): KeySet {
  const jwks: unknown = JSON.parse(text);
  if (!isKeySet(jwks)) throw new TypeError('A JWKS is an object with an array "keys" of at most 64 public keys.');
  return { getKey: createLocalJWKSet(jwks) };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  // A secret ("oct") or private ("d") key has no place here: whoever can read the file could make tokens.
  return (
    value.keys.length <= MAX_KEYS &&
    value.keys.every((key: unknown) => typeof key === 'object' && key !== null && !('d' in key) && !('k' in key))
  );
}

function unavailable(cause: unknown): AuthenticationError {
  return new AuthenticationError(
    'keys-unavailable',
    'The keys that tokens are checked with cannot be read now. Try again.',
    {
      cause,
      retryAfterMs: RETRY_MS,
    },
  );
}
