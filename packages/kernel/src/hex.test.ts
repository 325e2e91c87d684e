import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToHex, HexError, hexToBytes } from './hex.ts';

test('writes lower case with leading zeros, of a view as of a whole buffer', () => {
  expect(bytesToHex(Uint8Array.from([0x00, 0x0f, 0xab]))).toBe('000fab');
  expect(bytesToHex(Uint8Array.from([1, 2, 3, 4]).subarray(1, 3))).toBe('0203');
  expect(bytesToHex(new Uint8Array())).toBe('');
});

test('reads either case', () => {
  expect(hexToBytes('00aBFf')).toEqual(Uint8Array.from([0, 0xab, 0xff]));
});

test('brings back what it wrote', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes);
    }),
  );
});

test.each(['a', 'abc', '0g', 'zz', '0x00', ' 00', '00 ', '00:11', 'ab\ncd', '½½'])('refuses %j', (text) => {
  const refusal = expect(() => hexToBytes(text));
  refusal.toThrow(HexError);
  refusal.toThrow(expect.objectContaining({ code: 'invalid-hex' }));
});
