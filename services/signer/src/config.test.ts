import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { readConfig } from './config.ts';

const KEK = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';

const ENV = {
  SIGNER_PUBLIC_PORT: '8080',
  SIGNER_INTERNAL_PORT: '8081',
  SIGNER_OPS_PORT: '8082',
  SIGNER_INTERNAL_TLS_CA_FILE: 'ca.pem',
  SIGNER_INTERNAL_TLS_CERT_FILE: 'signer.pem',
  SIGNER_INTERNAL_TLS_KEY_FILE: 'signer.key',
  SIGNER_DATABASE_URL: 'postgres://signer_app:secret@127.0.0.1/cert_tasks',
  SIGNER_TOKEN_ISSUER: 'https://issuer.example',
  SIGNER_TOKEN_JWKS: 'jwks.json',
};

function problems(env: Record<string, string>): string {
  try {
    readConfig(env);
    return 'none';
  } catch (error) {
    return String(error);
  }
}

describe('readConfig', () => {
  test('has defaults for all that has a safe one', () => {
    expect(readConfig({ ...ENV, SIGNER_KEK_FILE: '/run/kek' })).toMatchObject({
      service: 'signer',
      keyEncryptionKey: { from: 'file', path: '/run/kek' },
      openKeys: 1_000,
      openKeyAgeMs: 300_000,
      ledgerSettleMs: 60_000,
    });
  });

  test('takes the key-encryption key from the environment, and never shows it', () => {
    const config = readConfig({ ...ENV, SIGNER_KEK: KEK });
    expect(config.keyEncryptionKey).toMatchObject({ from: 'environment' });
    expect(inspect(config, { depth: 9 })).not.toContain(KEK);
    expect(JSON.stringify(config)).not.toContain(KEK);
  });

  test('wants exactly one key-encryption key', () => {
    expect(problems(ENV)).toMatch(/SIGNER_KEK: is not set/);
    const both = problems({ ...ENV, SIGNER_KEK: KEK, SIGNER_KEK_FILE: '/run/kek' });
    expect(both).toMatch(/SIGNER_KEK: must be left out where SIGNER_KEK_FILE is set/);
    expect(both).not.toContain(KEK);
    const short = problems({ ...ENV, SIGNER_KEK: 'c2hvcnQ=' });
    expect(short).toMatch(/SIGNER_KEK: must be 32 random bytes/);
    expect(short).not.toContain('c2hvcnQ=');
  });

  test('tells everything that is wrong at once', () => {
    const { SIGNER_DATABASE_URL: _, ...incomplete } = ENV;
    const text = problems({ ...incomplete, SIGNER_OPEN_KEYS: '0', SIGNER_LEDGER_SETTLE_SECOND: '5' });
    for (const name of ['SIGNER_DATABASE_URL', 'SIGNER_KEK', 'SIGNER_OPEN_KEYS', 'SIGNER_LEDGER_SETTLE_SECOND']) {
      expect(text).toContain(`${name}: `);
    }
    expect(text).toContain('Did you mean SIGNER_LEDGER_SETTLE_SECONDS?');
  });
});
