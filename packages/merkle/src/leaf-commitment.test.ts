import { describe, expect, it } from 'vitest';
import { leafCommitment, rawLeafCommitment } from './leaf-commitment.ts';

const SALT = Uint8Array.from({ length: 32 }, (_, i) => i);
const EVENT = new TextEncoder().encode('{"a":1}');
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

describe('leafCommitment', () => {
  // Computed with Python: 01 + sha256(b"cert-tasks/audit-leaf/v1\0" + bytes(range(32)) + sha256(b'{"a":1}').digest()).
  it('gives the known commitment', () => {
    expect(hex(leafCommitment({ salt: SALT, canonicalEvent: EVENT }))).toBe(
      '01c6eb7ba419d1c36ed6541338052ce67c8fd431817ce9199d4225a98010cb802f',
    );
  });

  it('is of one size and depends on salt and event', () => {
    const other = leafCommitment({ salt: SALT.toReversed(), canonicalEvent: EVENT });
    const longer = leafCommitment({ salt: SALT, canonicalEvent: new Uint8Array(100_000) });
    const known = leafCommitment({ salt: SALT, canonicalEvent: EVENT });
    expect(new Set([other, longer, known].map(hex)).size).toBe(3);
    expect([other, longer, known].map((leaf) => leaf.length)).toStrictEqual([33, 33, 33]);
  });

  it.each([0, 31, 33])('refuses a salt of %i bytes', (size) => {
    expect(() => leafCommitment({ salt: new Uint8Array(size), canonicalEvent: EVENT })).toThrowError(
      expect.objectContaining({ name: 'MerkleError', code: 'INVALID_COMMITMENT' }),
    );
  });
});

describe('rawLeafCommitment', () => {
  // Computed with Python: 02 + sha256(b"cert-tasks/audit-raw/v1\0" + b'{"a":1}').
  it('gives the known commitment', () => {
    expect(hex(rawLeafCommitment(EVENT))).toBe('02cf867f9951252c7ad517eac87e221b56e8feaa7a35f9a2d98faca75c216c28fe');
  });
});
