import { describe, expect, it } from 'vitest';
import { type CachedResource, PkiCache } from './pki-cache.ts';

function resource(length: number): CachedResource {
  return { body: new Uint8Array(length), etag: '"x"', contentType: 'x/y', lastModified: undefined, staleAt: undefined };
}

describe('PkiCache', () => {
  const setUp = (limits: { maxEntries?: number; maxBytes?: number } = {}) => {
    const time = { nowMs: 0 };
    const cache = new PkiCache({ ttlMs: 1_000, maxEntries: 10, maxBytes: 1_000, ...limits, nowMs: () => time.nowMs });
    const loads: string[] = [];
    const get = (path: string, length = 1): Promise<CachedResource> =>
      cache.get(path, async () => {
        loads.push(path);
        return resource(length);
      });
    return { time, cache, loads, get };
  };

  it('loads once for all that ask, until the time is over or it is forgotten', async () => {
    const { time, cache, loads, get } = setUp();
    await Promise.all([get('a'), get('a')]);
    time.nowMs = 999;
    await get('a');
    expect(loads).toEqual(['a']);
    time.nowMs = 1_000;
    await get('a');
    cache.forget('a');
    await get('a');
    expect(loads).toEqual(['a', 'a', 'a']);
  });

  it('keeps no failure', async () => {
    const { cache, get, loads } = setUp();
    await expect(cache.get('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    await get('a');
    expect(loads).toEqual(['a']);
  });

  it('is bounded in number and in bytes', async () => {
    const few = setUp({ maxEntries: 2 });
    for (const path of ['a', 'b', 'c', 'b', 'a']) await few.get(path);
    expect(few.loads).toEqual(['a', 'b', 'c', 'a']);
    const small = setUp({ maxBytes: 100 });
    for (const path of ['a', 'b', 'b', 'a']) await small.get(path, 60);
    expect(small.loads).toEqual(['a', 'b', 'a']);
    await small.get('huge', 101);
    await small.get('huge', 101);
    expect(small.loads.filter((path) => path === 'huge')).toHaveLength(2);
  });
});
