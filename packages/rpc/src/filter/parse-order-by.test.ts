import { describe, expect, it } from 'vitest';
import { parseOrderBy } from './parse-order-by.ts';

const OPTIONS = {
  fields: ['create_time', 'expire_time'],
  whenEmpty: { field: 'create_time', isDescending: true },
} as const;

describe('parseOrderBy', () => {
  it.each([
    ['', 'create_time', true],
    ['create_time', 'create_time', false],
    ['expire_time desc', 'expire_time', true],
  ])('reads "%s"', (text, field, isDescending) => {
    expect(parseOrderBy(text, OPTIONS)).toEqual({ field, isDescending });
  });

  it.each(['name', 'create_time asc', 'create_time  desc', 'create_time, expire_time', ' desc', 'CREATE_TIME'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseOrderBy(text, OPTIONS)).toThrow(
        expect.objectContaining({ code: 'invalid-order-by', field: 'order_by' }),
      );
    },
  );
});
