import { expect, test } from 'vitest';
import { systemRandomBytes } from './random-bytes.ts';

test('gives as many bytes as asked, different each time', () => {
  expect(systemRandomBytes(0)).toEqual(new Uint8Array());
  expect(systemRandomBytes(70_000)).toHaveLength(70_000);
  expect(systemRandomBytes(32)).not.toEqual(systemRandomBytes(32));
});
