import { expect, test } from 'vitest';
import { assertNever } from './assert-never.ts';

test.each([
  ['a string', 'blue', '"blue"'],
  ['a number', 7, '7'],
  ['undefined', undefined, 'undefined'],
])('names %s', (_what, value, shown) => {
  expect(() => assertNever(value as never)).toThrow(`not handled here: ${shown}.`);
});

test('does not print objects, and cuts long strings', () => {
  expect(() => assertNever({ password: 'hunter2' } as never)).toThrow(/not handled here: object\./);
  expect(() => assertNever('x'.repeat(65) as never)).toThrow(`"${'x'.repeat(64)}"`);
});
