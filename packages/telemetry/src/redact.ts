import { serializeError } from './serialize-error.ts';

/** Stands where something was taken out. */
export const REDACTED = '***';

const MAX_DEPTH = 8;
const MAX_ENTRIES = 200;

/** Ends of property names, in any case and with or without `_` and `-`, whose value is never logged. */
const SECRET_NAME = new RegExp(
  [
    'pass(?:word|phrase|wd)',
    'secrets?',
    'tokens?',
    'jwts?',
    'assertion',
    '(?:proxy)?authorization',
    '(?:set)?cookies?',
    'credentials?',
    'apikeys?',
    'private(?:key)?(?:pem|der|bytes|material)?s?',
    'key(?:pem|der|bytes|material)',
    '(?:data|wrapping|wrapped|sealed|encryption|session|symmetric|master|signing|hmac)keys?(?:bytes|material)?',
    '(?:kek|dek|jwk|pkcs8|pkcs12|pfx|seed|plaintext)s?',
    'databaseurl',
  ]
    .map((name) => `(?:${name})`)
    .join('|')
    .replace(/^(.*)$/, '(?:$1)$'),
  'i',
);

/**
 * A copy of what is about to be logged in which every value under a telling name, at any path, is `***`. Also made fit
 * for a log line: errors become {@link serializeError}'s form, bytes their length, and what is nested deeper than 8 or
 * has more than 200 entries is cut.
 *
 * Objects with a toJSON speak for themselves.
 *
 * Not pino's own redaction: its paths with wildcards cost 20 to 40 µs a line for as many names (this: 2 µs), reach only
 * the depths that are listed, and miss names spelled in another way.
 */
export function redact(fields: Record<string, unknown>): Record<string, unknown> {
  return redactObject(fields, 0);
}

function redactObject(object: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  let entries = 0;
  for (const [name, value] of Object.entries(object)) {
    if (++entries > MAX_ENTRIES) {
      copy['cut'] = `more than ${MAX_ENTRIES} entries`;
      break;
    }
    copy[name] = isSecretName(name) && value !== undefined && value !== null ? REDACTED : redactValue(value, depth + 1);
  }
  return copy;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return serializeError(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `${value.byteLength} bytes`;
  if (depth > MAX_DEPTH) return 'nested too deeply';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ENTRIES).map((item) => redactValue(item, depth + 1));
    if (value.length > MAX_ENTRIES) items.push(`${value.length - MAX_ENTRIES} more`);
    return items;
  }
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const plain: unknown = value.toJSON();
    return plain === value ? redactObject(value, depth) : redactValue(plain, depth + 1);
  }
  return redactObject(value, depth);
}

function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name.replaceAll(/[-_]/g, ''));
}

const PRIVATE_KEY_PEM =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----[^"]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|(?="))/g;
const JWT = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g;
const AUTHORIZATION = /\b(Bearer|Basic) [\w~+/.=-]{8,}/g;
const URL_PASSWORD = /\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s"/:@]{0,200}):[^\s"/@]{1,200}@/g;

/**
 * The last net, cast over the finished line of JSON: private keys in PEM, JSON web tokens, Authorization values and
 * passwords in URLs, wherever they slipped in (a message, a stack, a field with an innocent name).
 */
export function redactLine(line: string): string {
  // The searched words are rare, and looking for them is much cheaper than four regular expressions a line.
  let safe = line;
  if (safe.includes('PRIVATE KEY-----')) safe = safe.replaceAll(PRIVATE_KEY_PEM, REDACTED);
  if (safe.includes('eyJ')) safe = safe.replaceAll(JWT, REDACTED);
  if (safe.includes('Bearer ') || safe.includes('Basic ')) safe = safe.replaceAll(AUTHORIZATION, `$1 ${REDACTED}`);
  if (safe.includes('://') && safe.includes('@')) safe = safe.replaceAll(URL_PASSWORD, `$1:${REDACTED}@`);
  return safe;
}
