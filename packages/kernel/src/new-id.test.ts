import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newId } from './new-id.ts';
import { systemRandomBytes } from './random-bytes.ts';

const at = (ms: number) => ({ now: () => new Date(ms) });

test('gives the example of RFC 9562, appendix A.6', () => {
  // rand_a is 0xCC3; rand_b is 0b01, then 0x8C4DC0C0C07398F. The variant digit takes the low bits of its nibble.
  const random = Uint8Array.from([0xcc, 0x31, 0x8c, 0x4d, 0xc0, 0xc0, 0xc0, 0x73, 0x98, 0xf0]);
  expect(newId({ clock: at(0x017f22e279b0), randomBytes: () => random })).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
});

test('always has version 7, the RFC variant and the time', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 43 }),
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      (unixMs, random) => {
        const id = newId({ clock: at(unixMs), randomBytes: () => random });
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(unixMs);
      },
    ),
  );
});

test('sorts by time and does not repeat', () => {
  const ids = Array.from({ length: 1_000 }, (_, i) => newId({ clock: at(i), randomBytes: systemRandomBytes }));
  expect(ids.toSorted()).toEqual(ids);
  const sameTime = Array.from({ length: 10_000 }, () => newId({ clock: at(1), randomBytes: systemRandomBytes }));
  expect(new Set(sameTime).size).toBe(10_000);
});

test.each([-1, Number.NaN])('refuses a clock at %d', (ms) => {
  expect(() => newId({ clock: at(ms), randomBytes: systemRandomBytes })).toThrow(RangeError);
});
