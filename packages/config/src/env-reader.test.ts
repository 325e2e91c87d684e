import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { ConfigError } from './config-error.ts';
import { EnvReader } from './env-reader.ts';
import { Secret } from './secret.ts';

const description = 'What it is for.';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What a reader of one variable finds wrong, or undefined. */
function problemOf(env: Record<string, string>, read: (reader: EnvReader) => unknown): string | undefined {
  const reader = new EnvReader(env);
  read(reader);
  try {
    reader.finish();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ name, problem }) => `${name} ${problem}`).join('\n');
    throw error;
  }
  return undefined;
}

test('reads every kind of setting', () => {
  const reader = new EnvReader({
    HOST: '127.0.0.1',
    WORKERS: '8',
    OFFSET: '-3',
    PORT: '0',
    TTL: '90s',
    ON: 'true',
    OFF: 'false',
    JWKS: 'https://issuer.example/keys',
    LEVEL: 'debug',
    NAMES: 'a, b ,c',
    TOKEN: ' kept as it is ',
    KEY_FILE: fileOf('key', 'from a file\n'),
  });
  expect(reader.string('HOST', { description })).toBe('127.0.0.1');
  expect(reader.optionalString('HOST', { description })).toBe('127.0.0.1');
  expect(reader.integer('WORKERS', { description, min: 1, max: 8 })).toBe(8);
  expect(reader.integer('OFFSET', { description, min: -3, max: 8 })).toBe(-3);
  expect(reader.port('PORT', { description })).toBe(0);
  expect(reader.duration('TTL', { description })).toBe(90_000);
  expect(reader.boolean('ON', { description })).toBe(true);
  expect(reader.boolean('OFF', { description, default: true })).toBe(false);
  expect(reader.url('JWKS', { description, protocols: ['https:'] }).href).toBe('https://issuer.example/keys');
  expect(reader.optionalUrl('JWKS', { description, protocols: ['https:'] })?.hostname).toBe('issuer.example');
  const level = reader.oneOf('LEVEL', { description, values: ['debug', 'info'], default: 'info' });
  expectTypeOf(level).toEqualTypeOf<'debug' | 'info'>();
  expect(level).toBe('debug');
  expect(reader.list('NAMES', { description })).toEqual(['a', 'b', 'c']);
  expect(reader.secret('TOKEN', { description }).reveal()).toBe(' kept as it is ');
  expect(reader.optionalSecret('KEY', { description })?.reveal()).toBe('from a file');
  reader.finish();
});

test('takes defaults for what is not set or empty, and undefined for what is optional', () => {
  const reader = new EnvReader({ HOST: '', TOKEN: '', TOKEN_FILE: '' });
  expect(reader.string('HOST', { description, default: 'localhost' })).toBe('localhost');
  expect(reader.integer('WORKERS', { description, min: 0, max: 8, default: 0 })).toBe(0);
  expect(reader.port('PORT', { description, default: 8_443 })).toBe(8_443);
  expect(reader.duration('TTL', { description, default: 5 })).toBe(5);
  expect(reader.boolean('ON', { description, default: false })).toBe(false);
  expect(reader.url('JWKS', { description, protocols: ['http:'], default: new URL('http://x') }).host).toBe('x');
  expect(reader.oneOf('LEVEL', { description, values: ['debug', 'info'], default: 'info' })).toBe('info');
  expect(reader.list('NAMES', { description, default: [] })).toEqual([]);
  expect(reader.secret('TOKEN', { description, default: new Secret('dev') }).reveal()).toBe('dev');
  expect(reader.optionalString('A', { description })).toBeUndefined();
  expect(reader.optionalUrl('B', { description, protocols: ['http:'] })).toBeUndefined();
  expect(reader.optionalSecret('C', { description })).toBeUndefined();
  reader.finish();
});

test('reports everything at once, by name, with what is expected, and no value', () => {
  const reader = new EnvReader(
    { SIGNER_PORT: 'hunter2', SIGNER_TLL: '5s', SIGNER_LEVEL: 'hunter2', SIGNER_URL: 'https://u:hunter2@host/' },
    { prefix: 'SIGNER_' },
  );
  reader.port('SIGNER_PORT', { description: 'Port of the internal listener.', default: 1 });
  reader.duration('SIGNER_TTL', { description, default: 1 });
  reader.oneOf('SIGNER_LEVEL', { description, values: ['debug', 'info'] });
  reader.string('SIGNER_HOST', { description });
  reader.secret('SIGNER_KEY', { description });
  reader.url('SIGNER_URL', { description, protocols: ['https:', 'http:'] });
  let thrown: unknown;
  try {
    reader.finish();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConfigError);
  expect(thrown).toMatchObject({ code: 'invalid-settings' });
  expect(String(thrown).split('\n')).toEqual([
    'ConfigError: Set these environment variables right, then start again:',
    '  SIGNER_PORT: must be a whole number from 0 to 65535. Port of the internal listener.',
    '  SIGNER_LEVEL: must be one of debug, info. What it is for.',
    '  SIGNER_HOST: is not set. What it is for.',
    '  SIGNER_KEY: is not set (nor is SIGNER_KEY_FILE, which may name a file). What it is for.',
    '  SIGNER_URL: must be a URL that begins with https:// or http://, without user and password. What it is for.',
    '  SIGNER_TLL: is not a setting of this service. Did you mean SIGNER_TTL?',
  ]);
  expect(inspect(thrown, { depth: 9 })).not.toContain('hunter2');
});

test.each(['', '1.5', '1e3', '0x10', ' 1', '1 ', '+1', '9', '-1', '99999999999999999', 'Infinity', '١'])(
  'does not take %j for a whole number from 0 to 8',
  (text) => {
    expect(problemOf({ N: text }, (reader) => reader.integer('N', { description, min: 0, max: 8 }))).toMatch(/^N /);
  },
);

test.each(['0ms', '3m', '5', 'five'])('does not take %j for a duration from 1s to 2m', (text) => {
  const problem = problemOf({ T: text }, (reader) =>
    reader.duration('T', { description, minMs: 1_000, maxMs: 120_000, default: 1_000 }),
  );
  expect(problem).toContain('T must be a duration from 1s to 2m');
});

test('does not take a duration that a timer cannot hold, unless it may', () => {
  expect(problemOf({ T: '25d' }, (reader) => reader.duration('T', { description }))).toContain('T must be');
  expect(problemOf({ T: '90d' }, (reader) => reader.duration('T', { description, maxMs: 1e12 }))).toBeUndefined();
});

test.each(['TRUE', '1', 'yes', 'on'])('does not take %j for true or false', (text) => {
  expect(problemOf({ B: text }, (reader) => reader.boolean('B', { description }))).toContain('B must be true or false');
});

test.each(['example.com', '/keys', 'ftp://x/', 'javascript:alert(1)', 'https://user@x/', 'https://:pw@x/'])(
  'does not take the URL %j',
  (text) => {
    const problem = problemOf({ U: text }, (reader) => reader.url('U', { description, protocols: ['https:'] }));
    expect(problem).toContain('U must be a URL that begins with https://');
  },
);

test('holds text and list items to their pattern as a whole', () => {
  const pattern = { regExp: /a|[a-z]+/g, meaning: 'lower-case letters' };
  const text = (value: string) => problemOf({ S: value }, (reader) => reader.string('S', { description, pattern }));
  expect(text('abc')).toBeUndefined();
  expect(text('abc1')).toContain('S must be lower-case letters');
  expect(text('a'.repeat(4_097))).toContain('S must be text of 1 to 4096 characters');
  const list = (value: string) => problemOf({ L: value }, (reader) => reader.list('L', { description, pattern }));
  expect(list('a,b')).toBeUndefined();
  expect(list('a,B')).toContain('each lower-case letters');
  expect(list('a,,b')).toContain('each text of 1 to 4096 characters');
  expect(list(Array(257).fill('a').join())).toContain('at most 256 values');
});

test('secrets: both variables at once, a missing, an empty, a binary, a huge file, a folder and a pipe are refused', () => {
  const problem = (env: Record<string, string>) => problemOf(env, (reader) => reader.secret('K', { description }));
  expect(problem({ K: 'a', K_FILE: fileOf('k', 'b') })).toContain('K is set together with K_FILE');
  expect(problem({ K_FILE: join(folder, 'hunter2') })).toBe(
    'K_FILE names a file that cannot be read (ENOENT). What it is for.',
  );
  expect(problem({ K_FILE: fileOf('empty', '\n') })).toContain('K_FILE names an empty file');
  expect(problem({ K_FILE: fileOf('binary', Uint8Array.from([0xff, 0xfe])) })).toContain('not UTF-8');
  expect(problem({ K_FILE: fileOf('huge', 'x'.repeat(65_537)) })).toContain('above 65536 bytes');
  expect(problem({ K_FILE: folder })).toContain('no regular file');
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(problem({ K_FILE: pipe })).toContain('no regular file');
  expect(problemOf({ K_FILE: folder }, (reader) => reader.optionalSecret('K', { description }))).toContain('K_FILE');
});

test('a secret file keeps all but one line end', () => {
  const read = (name: string, content: string) =>
    new EnvReader({ K_FILE: fileOf(name, content) }).secret('K', { description }).reveal();
  expect(read('crlf', 'a\r\n')).toBe('a');
  expect(read('two', 'a\n\n')).toBe('a\n');
  expect(read('none', ' a ')).toBe(' a ');
});

test('unknown variables: own prefix only, neither the platform nor Kubernetes', () => {
  const env = {
    CERT_NONSENSE: '1',
    CERT_KEY_FILE: '',
    CERT_TASKS_HOME: '/data',
    CERT_SERVICE_HOST: '10.0.0.1',
    CERT_SERVICE_PORT: '8443',
    CERT_SERVICE_PORT_GRPC: '8443',
    CERT_PORT: 'tcp://10.0.0.1:8443',
    CERT_PORT_8443_TCP: 'tcp://10.0.0.1:8443',
    CERT_PORT_8443_TCP_ADDR: '10.0.0.1',
    SIGNER_PORT: '1',
  };
  const unknown = (prefix?: string) => {
    const reader = new EnvReader(env, prefix === undefined ? {} : { prefix });
    reader.optionalSecret('CERT_KEY', { description });
    try {
      reader.finish();
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
    }
    return [];
  };
  expect(unknown()).toEqual([]);
  expect(unknown('CERT_')).toEqual([
    { name: 'CERT_NONSENSE', problem: 'is not a setting of this service. Remove it.' },
  ]);
  expect(unknown('CERT_TASKS_').map(({ name }) => name)).toEqual(['CERT_TASKS_HOME']);
});
