import { describe, expect, test } from 'vitest';
import { SignerError } from '../domain/errors.ts';
import { InMemoryUnitOfWork } from '../testing/in-memory-unit-of-work.ts';
import { TestSigner } from '../testing/test-signer.ts';
import { OpenedKeys } from './opened-keys.ts';
import type { KeyBackend } from './ports/key-backend.ts';

async function setUp({ maxKeys = 10 } = {}) {
  const work = new InMemoryUnitOfWork(() => new Date());
  const signer = new TestSigner({ work, now: () => new Date() });
  const keys = [await signer.createKey('a'), await signer.createKey('b'), await signer.createKey('c')] as const;
  const opened: string[] = [];
  const counting: KeyBackend = {
    generate: (identity) => signer.backend.generate(identity),
    hasKeyEncryptionKey: (kekId) => signer.backend.hasKeyEncryptionKey(kekId),
    open: (sealed) => {
      opened.push(keys.find(({ id }) => id === sealed.identity.keyId)?.name.key ?? '?');
      return signer.backend.open(sealed);
    },
  };
  let elapsed = 0;
  const cache = new OpenedKeys({ work, backend: counting, maxKeys, maxAgeMs: 1_000, elapsedMs: () => elapsed });
  return { work, keys, cache, opened, advance: (ms: number) => (elapsed += ms) };
}

describe('OpenedKeys', () => {
  test('opens a key once for a crowd, and keeps it', async () => {
    const { keys, cache, opened } = await setUp();
    const lookups = await Promise.all(Array.from({ length: 10 }, () => cache.getOne(keys[0].name)));
    expect(new Set(lookups.map(({ state }) => state))).toEqual(new Set(['usable']));
    await cache.get([keys[0].name, keys[1].name]);
    expect(opened).toEqual(['a', 'b']);
    expect(cache.size).toBe(2);
  });

  test('lets go of a key by age, whether asked for or not', async () => {
    const { keys, cache, opened, advance } = await setUp();
    await cache.getOne(keys[0].name);
    advance(999);
    await cache.getOne(keys[0].name);
    expect(opened).toEqual(['a']);
    advance(1);
    cache.dropExpired();
    expect(cache.size).toBe(0);
    await cache.getOne(keys[0].name);
    expect(opened).toEqual(['a', 'a']);
  });

  test('lets go of the least recently used beyond its count', async () => {
    const { keys, cache, opened } = await setUp({ maxKeys: 2 });
    await cache.getOne(keys[0].name);
    await cache.getOne(keys[1].name);
    await cache.getOne(keys[0].name);
    await cache.getOne(keys[2].name);
    expect(cache.size).toBe(2);
    await cache.getOne(keys[0].name);
    expect(opened).toEqual(['a', 'b', 'c']);
    await cache.getOne(keys[1].name);
    expect(opened).toEqual(['a', 'b', 'c', 'b']);
  });

  test('keeps neither disabled nor missing keys, and no failure', async () => {
    const { work, keys, cache, opened } = await setUp();
    await work.transaction('test', (stores) => stores.keys.disable({ id: keys[0].id, etag: 'x' }));
    expect(await cache.getOne(keys[0].name)).toMatchObject({ state: 'disabled' });
    expect(await cache.getOne({ project: 'other', key: 'a' })).toEqual({ state: 'missing' });
    expect(opened).toEqual([]);
    expect(cache.size).toBe(0);
  });

  test('one key that does not open leaves the others usable', async () => {
    const { work, keys } = await setUp();
    const failing: KeyBackend = {
      generate: () => Promise.reject(new Error('not asked for')),
      hasKeyEncryptionKey: () => true,
      open: async ({ identity }) => {
        if (identity.keyId === keys[0].id) throw new SignerError('sealed-key-corrupt', 'changed');
        return { sign: async () => new Uint8Array() };
      },
    };
    const cache = new OpenedKeys({ work, backend: failing, maxKeys: 9, maxAgeMs: 1_000, elapsedMs: () => 0 });
    const lookups = await cache.get([keys[0].name, keys[1].name]);
    expect([...lookups.values()].map(({ state }) => state)).toEqual(['failed', 'usable']);
  });
});
