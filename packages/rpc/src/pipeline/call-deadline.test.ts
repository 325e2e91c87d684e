import { describe, expect, it } from 'vitest';
import { allowedMs } from './call-deadline.ts';

describe('allowedMs', () => {
  it.each([
    ['ordinary', undefined, 10_000],
    ['ordinary', 300, 300],
    ['ordinary', 90_000, 60_000],
    ['ordinary', -5, 0],
    ['long-poll', undefined, 25_000],
    ['long-poll', 90_000, 30_000],
    ['stream', undefined, undefined],
    ['stream', 90_000, 90_000],
    ['stream', 1e12, 2 ** 31 - 1],
  ] as const)('gives a call that is %s and asks for %s ms: %s', (kind, asked, allowed) => {
    expect(allowedMs(kind, asked)).toBe(allowed);
  });
});
