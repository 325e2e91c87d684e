import { generateKeyPairSync } from 'node:crypto';
import type { ProcessLog } from '@cert-tasks/lifecycle';
import { expect, expectTypeOf, test } from 'vitest';
import { createLogger, type Logger, type LogLevel } from './create-logger.ts';

/** A logger whose lines can be read. */
function logged(level: LogLevel = 'trace') {
  const lines: string[] = [];
  const log = createLogger({ service: 'signer', level, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') };
}

const SECRET = 'hunter2-hunter2';

test('writes time, level, service, fields and message', () => {
  const { log, last } = logged();
  log.info({ rpc: 'Sign', ms: 1.5 }, 'call');
  expect(last()).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    service: 'signer',
    rpc: 'Sign',
    ms: 1.5,
    msg: 'call',
  });
});

test('writes nothing below its level', () => {
  const { log, lines } = logged('warn');
  log.info('no');
  log.warn('yes');
  expect(lines).toHaveLength(1);
});

test('is the log that runProcess takes', () => {
  expectTypeOf<Logger>().toExtend<ProcessLog>();
});

test.each([
  'password',
  'passphrase',
  'pfx_passphrase',
  'PGPASSWORD',
  'secret',
  'clientSecret',
  'token',
  'access_token',
  'refreshToken',
  'id-token',
  'jwt',
  'Authorization',
  'authorization',
  'Proxy-Authorization',
  'cookie',
  'set-cookie',
  'apiKey',
  'x-api-key',
  'credentials',
  'privateKey',
  'private_key',
  'privateKeyPem',
  'private_key_der',
  'keyPem',
  'keyMaterial',
  'key_bytes',
  'dataKey',
  'wrappedKey',
  'sealed_key',
  'encryptionKey',
  'kek',
  'jwk',
  'pkcs8',
  'pkcs12',
  'pfx',
  'seed',
  'DATABASE_URL',
])('never shows what stands under %s, at any depth, in fields and in bindings of children', (name) => {
  const { log, lines, last } = logged();
  log.info({ [name]: SECRET }, 'top');
  expect(last()[name]).toBe('***');
  log.info({ request: { headers: { deep: { deeper: [{ [name]: SECRET }] } } } }, 'deep');
  log.info({ [name]: { nested: [SECRET] } }, 'whole objects');
  log
    .child({ [name]: SECRET })
    .child({ request: { [name]: SECRET } })
    .child({ more: { [name]: SECRET } })
    .info('child');
  expect(last().more[name]).toBe('***');
  expect(lines.join()).not.toContain(SECRET);
});

test.each(['keyId', 'key_version', 'publicKey', 'certificate', 'method', 'authority', 'tokenized', 'passed', 'task'])(
  'shows what stands under %s',
  (name) => {
    const { log, last } = logged();
    log.info({ [name]: 'shown' });
    expect(last()[name]).toBe('shown');
  },
);

test('takes private keys in PEM, tokens, Authorization values and URL passwords out of any text', () => {
  const { log, lines } = logged();
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const sealed = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ';
  for (const text of [pem, sealed, sec1, pem.slice(0, 120), jwt, `Bearer ${SECRET}`, `postgres://u:${SECRET}@db/x`]) {
    log.info({ note: `see ${text} there` }, `message ${text} end`);
    log.error(new Error(`failed on ${text}`, { cause: text }));
    log.child({ note: text }).info('child %s', text);
  }
  for (const line of lines) expect(() => JSON.parse(line)).not.toThrow();
  const all = lines.join();
  expect(all).not.toContain(SECRET);
  expect(all).not.toContain(jwt);
  expect(all).not.toContain('c2lnbmF0dXJl');
  expect(all).not.toContain('PRIVATE KEY');
  for (const key of [pem, sealed, sec1]) expect(all).not.toContain(key.split('\n')[1]);
  expect(all).toContain('see *** there');
  expect(all).toContain('postgres://u:***@db/x');
});

test('leaves certificates in PEM and ordinary text alone', () => {
  const { log, last } = logged();
  const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  log.info({ certificate, url: 'https://host:8443/a@b' }, 'mail to a@b, Basic settings');
  expect(last()).toMatchObject({ certificate, url: 'https://host:8443/a@b' });
});

test('shows bytes by their length, whatever their name', () => {
  const { log, last } = logged();
  log.info({ tbs: new Uint8Array(7), buffer: Buffer.from('hunter2'), array: new ArrayBuffer(3) });
  expect(last()).toMatchObject({ tbs: '7 bytes', buffer: '7 bytes', array: '3 bytes' });
});

test('shows errors under any name, and in children, without what hangs on them', () => {
  const { log, lines, last } = logged();
  const error = Object.assign(new Error('broken'), { code: '23505', parameters: [SECRET] });
  log.error({ err: error }, 'x');
  expect(last().err).toEqual({ type: 'Error', code: '23505', message: 'broken', stack: expect.any(String) });
  log.error(error);
  expect(last()).toMatchObject({ err: { code: '23505' }, msg: 'broken' });
  log.error({ failure: { inner: error } });
  expect(last().failure.inner).toMatchObject({ code: '23505' });
  log.child({ err: error }).info('child');
  expect(last().err).toMatchObject({ code: '23505' });
  expect(lines.join()).not.toContain(SECRET);
});

test('lets objects with toJSON speak for themselves, and hides what they then say under a telling name', () => {
  const { log, last } = logged();
  log.info({ at: new Date(0), masked: { toJSON: () => '***' }, wordy: { toJSON: () => ({ token: SECRET }) }, n: 7n });
  expect(last()).toMatchObject({ at: '1970-01-01T00:00:00.000Z', masked: '***', wordy: { token: '***' }, n: 7 });
});

test('cuts what is too deep or too wide, circles too, and changes nothing of what it was given', () => {
  const { log, lines, last } = logged();
  const circle: Record<string, unknown> = { token: SECRET };
  circle['self'] = circle;
  log.info({ circle, wide: Array(1_000).fill('x'), many: Object.fromEntries(Array(500).entries()) });
  expect(circle['token']).toBe(SECRET);
  expect(last().wide).toHaveLength(201);
  expect(last().wide.at(-1)).toBe('800 more');
  expect(Object.keys(last().many).length).toBeLessThanOrEqual(201);
  expect(lines.join().length).toBeLessThan(20_000);
  expect(lines.join()).toContain('nested too deeply');
});
