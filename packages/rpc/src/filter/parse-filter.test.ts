import { describe, expect, it } from 'vitest';
import { RpcInputError } from '../errors/rpc-input-error.ts';
import { type FilterField, parseFilter } from './parse-filter.ts';

const FIELDS: Record<string, FilterField> = {
  state: { kind: 'enum', values: ['ISSUED', 'REVOKED'] },
  dns_name: { kind: 'text' },
  expire_time: { kind: 'time' },
  labels: { kind: 'map' },
};

function problem(text: string): string {
  try {
    parseFilter(text, FIELDS);
  } catch (error) {
    if (error instanceof RpcInputError && error.code === 'invalid-filter' && error.field === 'filter')
      return error.message;
    throw error;
  }
  return 'none';
}

describe('parseFilter', () => {
  it('has no terms for an empty filter', () => {
    expect(parseFilter('', FIELDS)).toEqual([]);
  });

  it('reads every kind of term', () => {
    const text =
      'state = "ISSUED" AND dns_name="a \\"b\\" \\\\ AND c"  AND  expire_time <= "2027-01-01T00:00:00Z" AND labels.team/x = ""';
    expect(parseFilter(text, FIELDS)).toEqual([
      { kind: 'enum', field: 'state', value: 'ISSUED' },
      { kind: 'text', field: 'dns_name', value: 'a "b" \\ AND c' },
      { kind: 'time', field: 'expire_time', operator: '<=', value: new Date('2027-01-01T00:00:00Z') },
      { kind: 'map', field: 'labels', key: 'team/x', value: '' },
    ]);
  });

  it.each(['=', '<', '<=', '>', '>='])('compares times with %s', (operator) => {
    const [term] = parseFilter(`expire_time ${operator} "2027-01-01T00:00:00.123456789+02:00"`, FIELDS);
    expect(term).toMatchObject({ operator, value: new Date('2026-12-31T22:00:00.123Z') });
  });

  it.each([
    ['colour = "red"', 'knows no field colour', 1],
    ['constructor = "x"', 'knows no field constructor', 1],
    ['state = ISSUED', 'needs a value in double quotes', 9],
    ['state = "LOST"', 'knows these values of state: ISSUED, REVOKED', 9],
    ['state < "ISSUED"', 'compares state with = only', 6],
    ['state', 'needs an operator', 6],
    ['state = "ISSUED" OR state = "REVOKED"', 'needs " AND " or the end', 17],
    ['state = "ISSUED" AND ', 'needs a field name', 22],
    ['state = "ISSUED" AND', 'needs " AND " or the end', 17],
    ['state = "ISSUED" AND  = ""', 'needs a field name', 23],
    [' state = "ISSUED"', 'needs a field name', 1],
    ['state = "ISSUED" ', 'needs " AND " or the end', 17],
    ['dns_name = "a', 'needs a value in double quotes', 12],
    ['dns_name = "\\n"', 'needs a value in double quotes', 12],
    ['expire_time < "tomorrow"', 'needs a time', 15],
    ['expire_time < "2027-13-01T00:00:00Z"', 'needs a time', 15],
    ['labels = "x"', 'needs a dot and a key', 7],
    ['labels.TEAM = "x"', 'needs a dot and a key', 7],
  ])('refuses %s and says where', (text, what, at) => {
    expect(problem(text)).toContain(what);
    expect(problem(text)).toContain(`at character ${at}.`);
  });

  it('bounds length and number of terms', () => {
    const eight = Array.from({ length: 8 }, () => 'dns_name = "a"').join(' AND ');
    expect(parseFilter(eight, FIELDS)).toHaveLength(8);
    expect(problem(`${eight} AND dns_name = "a"`)).toContain('more than 8 terms');
    expect(problem(`dns_name = "${'a'.repeat(1_024)}"`)).toContain('longer than 1024');
  });
});
