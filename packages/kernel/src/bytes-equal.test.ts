import { expect, test } from 'vitest';
import { bytesEqual, constantTimeEqual } from './bytes-equal.ts';

for (const equal of [bytesEqual, constantTimeEqual]) {
  test.each([
    [[], [], true],
    [[1, 2], [1, 2], true],
    [[1, 2], [1, 3], false],
    [[1, 2], [1, 2, 3], false],
    [[0], [], false],
  ])(`${equal.name} of %j and %j is %j`, (a, b, expected) => {
    expect(equal(Uint8Array.from(a), Uint8Array.from(b))).toBe(expected);
    expect(equal(Buffer.from(a), Uint8Array.from(b))).toBe(expected);
  });
}
