import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffDelay } from './backoff-delay.ts';

test.each([
  [1, 100],
  [2, 200],
  [3, 400],
  [4, 800],
  [5, 1_000],
  [5_000, 1_000],
])('after failure %d the ceiling is %d ms', (attempt, ceiling) => {
  const delay = (random: number) => backoffDelay({ attempt, baseMs: 100, maxMs: 1_000, random: () => random });
  expect(delay(0)).toBe(0);
  expect(delay(0.5)).toBe(ceiling / 2);
  expect(delay(0.999_999)).toBe(ceiling - 1);
});

test('stays a whole number from 0 to below the ceiling', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2_000 }),
      fc.integer({ min: 1, max: 60_000 }),
      fc.integer({ min: 1, max: 3_600_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (attempt, baseMs, maxMs, random) => {
        const delay = backoffDelay({ attempt, baseMs, maxMs, random: () => random });
        expect(Number.isInteger(delay)).toBe(true);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThan(maxMs);
      },
    ),
  );
});
