import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { AppError } from './app-error.ts';

class StoreError extends AppError<'row-missing' | 'row-locked'> {}

test('carries what it was given and nothing else', () => {
  const cause = new Error('underneath');
  const metadata = { row: '7' };
  const error = new StoreError('row-locked', 'Try again.', {
    field: 'row.id',
    advice: 'Wait.',
    retryAfterMs: 250,
    metadata,
    cause,
  });
  metadata.row = '8';

  expect(error).toBeInstanceOf(Error);
  expect(error.code).toBe('row-locked');
  expect(error.message).toBe('Try again.');
  expect(error.field).toBe('row.id');
  expect(error.advice).toBe('Wait.');
  expect(error.retryAfterMs).toBe(250);
  expect(error.metadata).toEqual({ row: '7' });
  expect(Object.isFrozen(error.metadata)).toBe(true);
  expect(error.cause).toBe(cause);
});

test('has no own properties for what was left out', () => {
  const error = new StoreError('row-missing', 'No such row.');

  expect(Object.keys(error)).toEqual(['code']);
  expect(Object.hasOwn(error, 'cause')).toBe(false);
});

test('keeps a cause that is undefined or falsy', () => {
  expect(Object.hasOwn(new StoreError('row-missing', 'x', { cause: undefined }), 'cause')).toBe(true);
  expect(new StoreError('row-missing', 'x', { cause: 0 }).cause).toBe(0);
});

test('is named after its class, in its stack and when inspected', () => {
  const error = new StoreError('row-missing', 'No such row.');

  expect(error.name).toBe('StoreError');
  expect(String(error)).toBe('StoreError: No such row.');
  expect(inspect(error)).toContain('StoreError: No such row.');
});
