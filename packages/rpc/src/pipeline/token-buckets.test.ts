import { describe, expect, it } from 'vitest';
import { TokenBuckets } from './token-buckets.ts';

describe('TokenBuckets', () => {
  it('lets a burst through, then the rate, and says how long to wait', () => {
    const buckets = new TokenBuckets({ limit: { perSecond: 10, burst: 2 }, maxKeys: 10 });
    expect([buckets.take('a', 0), buckets.take('a', 0), buckets.take('a', 0)]).toEqual([0, 0, 100]);
    expect(buckets.take('a', 50)).toBe(50);
    expect(buckets.take('a', 100)).toBe(0);
    expect(buckets.take('a', 100)).toBe(100);
    // A long rest fills it to the brim and no further.
    expect([buckets.take('a', 99_999), buckets.take('a', 99_999), buckets.take('a', 99_999)]).toEqual([0, 0, 100]);
  });

  it('keeps callers apart', () => {
    const buckets = new TokenBuckets({ limit: { perSecond: 1, burst: 1 }, maxKeys: 10 });
    expect(buckets.take('a', 0)).toBe(0);
    expect(buckets.take('b', 0)).toBe(0);
    expect(buckets.take('a', 0)).toBe(1_000);
  });

  it('forgets the one used longest ago when there is no room', () => {
    const buckets = new TokenBuckets({ limit: { perSecond: 1, burst: 1 }, maxKeys: 2 });
    buckets.take('a', 0);
    buckets.take('b', 0);
    buckets.take('a', 1);
    buckets.take('c', 1);
    expect(buckets.take('a', 1)).toBeGreaterThan(0);
    expect(buckets.take('b', 1)).toBe(0);
  });

  it('refuses a limit that lets nothing through', () => {
    expect(() => new TokenBuckets({ limit: { perSecond: 0, burst: 1 }, maxKeys: 1 })).toThrow(RangeError);
    expect(() => new TokenBuckets({ limit: { perSecond: 1, burst: 0 }, maxKeys: 1 })).toThrow(RangeError);
  });
});
