import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jwksSource } from './jwks-source.ts';

describe('jwksSource', () => {
  let directory: string;
  let file: string;
  let key: JWK;
  let nowMs = 0;
  const clock = { now: () => new Date(nowMs) };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certtasks-jwks-'));
    file = join(directory, 'jwks.json');
    nowMs = 1_000_000;
    key = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey);
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('reads a file again when it has changed, a few seconds later', async () => {
    await writeFile(file, JSON.stringify({ keys: [key] }));
    const source = jwksSource({ file }, { clock });
    const first = await source();
    expect(await source()).toBe(first);
    await writeFile(file, JSON.stringify({ keys: [] }));
    expect(await source()).toBe(first);
    nowMs += 3_001;
    const second = await source();
    expect(second).not.toBe(first);
    nowMs += 3_001;
    expect(await source()).toBe(second);
  });

  it('goes on with the keys known last when a file is gone, broken or too large', async () => {
    await writeFile(file, JSON.stringify({ keys: [key] }));
    const source = jwksSource({ file }, { clock });
    const first = await source();
    for (const content of ['{"keys":[', ' '.repeat(300_000), JSON.stringify({ keys: 'x' })]) {
      await writeFile(file, content);
      nowMs += 10_000;
      expect(await source()).toBe(first);
    }
    await rm(file);
    nowMs += 10_000;
    expect(await source()).toBe(first);
  });

  it('has no keys to offer before it could read any, and tries again after a while', async () => {
    const source = jwksSource({ file }, { clock });
    const unavailable = expect.objectContaining({ code: 'keys-unavailable' });
    await expect(source()).rejects.toEqual(unavailable);
    await writeFile(file, JSON.stringify({ keys: [key] }));
    await expect(source()).rejects.toEqual(unavailable);
    nowMs += 3_001;
    expect(await source()).toBeDefined();
  });

  it.each([{ d: 'x' }, { kty: 'oct', k: 'x' }])('refuses a set with a secret or private key (%j)', async (extra) => {
    await writeFile(file, JSON.stringify({ keys: [{ ...key, ...extra }] }));
    await expect(jwksSource({ file }, { clock })()).rejects.toEqual(
      expect.objectContaining({ code: 'keys-unavailable' }),
    );
  });

  it.each(['http://issuer.example/jwks', 'ftp://127.0.0.1/jwks', 'file:///etc/jwks'])('refuses the URL %s', (url) => {
    expect(() => jwksSource({ url }, { clock })).toThrow(TypeError);
  });
});
