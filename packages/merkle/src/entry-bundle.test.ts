import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const entry = (text: string) => new TextEncoder().encode(text);

describe('entry bundles', () => {
  it('are entries after their big-endian 16-bit lengths', () => {
    const bundle = encodeEntryBundle([entry('one'), entry(''), new Uint8Array(258).fill(7)]);
    expect(Buffer.from(bundle).toString('hex')).toBe(`00036f6e650000${'0102'}${'07'.repeat(258)}`);
  });

  it('come back as what they were made from', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 }), (entries) => {
        expect(decodeEntryBundle(encodeEntryBundle(entries), { width: entries.length })).toStrictEqual(entries);
      }),
    );
  });

  it('carry 256 entries of 65,535 bytes and no more', () => {
    const largest = new Uint8Array(65_535);
    const bundle = encodeEntryBundle(Array(256).fill(largest));
    expect(decodeEntryBundle(bundle, { width: 256 })).toHaveLength(256);
    expect(() => encodeEntryBundle([new Uint8Array(65_536)])).toThrowError(code('INVALID_ENTRY_BUNDLE'));
    expect(() => encodeEntryBundle(Array(257).fill(entry('')))).toThrowError(code('INVALID_TILE'));
    expect(() => encodeEntryBundle([])).toThrowError(code('INVALID_TILE'));
  });

  it('must end exactly with their last entry', () => {
    const bundle = encodeEntryBundle([entry('one'), entry('two')]);
    for (let end = 0; end < bundle.length; end++) {
      expect(() => decodeEntryBundle(bundle.subarray(0, end), { width: 2 })).toThrowError(code('INVALID_ENTRY_BUNDLE'));
    }
    for (const width of [1, 3]) {
      expect(() => decodeEntryBundle(bundle, { width })).toThrowError(code('INVALID_ENTRY_BUNDLE'));
    }
    expect(() => decodeEntryBundle(bundle, { width: 0 })).toThrowError(code('INVALID_TILE'));
  });

  it('are read from within a larger buffer', () => {
    const bundle = encodeEntryBundle([entry('one')]);
    const larger = Uint8Array.of(9, 9, ...bundle, 9);
    expect(decodeEntryBundle(larger.subarray(2, -1), { width: 1 })).toStrictEqual([entry('one')]);
  });
});
