import { AppError } from '@cert-tasks/kernel';
import { expect, test } from 'vitest';
import { serializeError } from './serialize-error.ts';

class StoreError extends AppError<'row-missing'> {}

test('keeps class, code, field, message, stack and the chain of causes', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const error = new StoreError('row-missing', 'No such row.', {
    field: 'id',
    cause: new TypeError('odd', { cause: refused }),
  });
  expect(serializeError(error)).toEqual({
    type: 'StoreError',
    code: 'row-missing',
    field: 'id',
    message: 'No such row.',
    stack: error.stack,
    cause: {
      type: 'TypeError',
      message: 'odd',
      stack: expect.any(String),
      cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED', stack: expect.any(String) },
    },
  });
});

test('takes over nothing else that hangs on an error', () => {
  const error = Object.assign(new StoreError('row-missing', 'x', { advice: 'a', metadata: { tenant: 'hunter2' } }), {
    query: 'insert into keys values ($1)',
    parameters: ['hunter2'],
    detail: 'Key (name)=(hunter2) already exists.',
    cause: Object.assign(new Error('y'), { request: { token: 'hunter2' } }),
  });
  const serialized = serializeError(error);
  expect(JSON.stringify(serialized)).not.toMatch(/hunter2|insert/);
  expect(Object.keys(serialized)).toEqual(['type', 'message', 'code', 'stack', 'cause']);
});

test('is bounded: long texts, endless causes, many errors', () => {
  const endless = new Error('x'.repeat(10_000));
  endless.cause = endless;
  const text = JSON.stringify(serializeError(endless));
  expect(serializeError(endless).message).toHaveLength(2_048);
  expect(text.match(/"type"/g)).toHaveLength(8);
  const many = new AggregateError(
    Array.from({ length: 50 }, (_, i) => new Error(`number ${i}`)),
    'many',
  );
  expect(serializeError(many).errors?.map(({ message }) => message)).toEqual(
    Array.from({ length: 10 }, (_, i) => `number ${i}`),
  );
});

test.each([
  ['text', { type: 'string', message: 'text' }],
  [undefined, { type: 'undefined', message: 'undefined' }],
  [null, { type: 'object', message: 'null' }],
  [7n, { type: 'bigint', message: '7' }],
  [{ token: 'hunter2' }, { type: 'object', message: 'an object that is no Error was thrown' }],
  [() => 'hunter2', { type: 'function', message: 'a function was thrown' }],
])('describes thrown %o without dumping it', (thrown, expected) => {
  expect(serializeError(thrown)).toEqual(expected);
});
