import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Secret } from './secret.ts';

test('gives its value only when asked to reveal it', () => {
  const secret = new Secret('hunter2');
  expect(secret.reveal()).toBe('hunter2');
  const config = { database: { url: secret } };
  for (const shown of [
    String(secret),
    `${secret}`,
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    format('%s %o %O %j', secret, secret, secret, secret),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
  ]) {
    expect(shown).not.toContain('hunter2');
  }
  expect(JSON.stringify(config)).toBe('{"database":{"url":"***"}}');
  expect(inspect(config)).toContain('***');
});
