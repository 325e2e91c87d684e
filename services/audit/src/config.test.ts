import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const ENV = {
  AUDIT_PUBLIC_PORT: '0',
  AUDIT_INTERNAL_PORT: '0',
  AUDIT_OPS_PORT: '0',
  AUDIT_INTERNAL_TLS_CA_FILE: 'ca.pem',
  AUDIT_INTERNAL_TLS_CERT_FILE: 'cert.pem',
  AUDIT_INTERNAL_TLS_KEY_FILE: 'key.pem',
  AUDIT_DATABASE_URL: 'postgres://audit_app@127.0.0.1/x',
  AUDIT_TOKEN_ISSUER: 'https://issuer.test',
  AUDIT_TOKEN_JWKS: 'jwks.json',
  AUDIT_CERT_ADDRESS: '127.0.0.1:1',
  AUDIT_SIGNER_ADDRESS: '127.0.0.1:2',
  AUDIT_TASK_ADDRESS: '127.0.0.1:3',
  AUDIT_LOG_ORIGIN: 'example.com/audit',
};

test('reads the addresses and the origin', () => {
  expect(readConfig(ENV)).toMatchObject({
    service: 'audit',
    addresses: { cert: '127.0.0.1:1', signer: '127.0.0.1:2', task: '127.0.0.1:3' },
    logOrigin: 'example.com/audit',
  });
});

test('names everything that is wrong at once', () => {
  const { AUDIT_CERT_ADDRESS: _cert, ...rest } = ENV;
  const wrong = { ...rest, AUDIT_LOG_ORIGIN: 'my log', AUDIT_SIGNER_ADRESS: 'x' };
  const problems = ['AUDIT_CERT_ADDRESS', 'AUDIT_LOG_ORIGIN', 'AUDIT_SIGNER_ADRESS'];
  for (const problem of problems) expect(() => readConfig(wrong)).toThrow(new RegExp(problem));
});

test.each(['', 'a+b', 'x'.repeat(256), 'a\nb'])('refuses %j for an origin', (origin) => {
  expect(() => readConfig({ ...ENV, AUDIT_LOG_ORIGIN: origin })).toThrow(/AUDIT_LOG_ORIGIN/);
});
