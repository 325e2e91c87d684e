import { RpcInputError } from '../errors/rpc-input-error.ts';

/** How a term compares. */
export type FilterOperator = '=' | '<' | '<=' | '>' | '>=';

/**
 * What a list RPC can be filtered by. `text`: any text, `=` only. `enum`: one of the values, `=` only. `time`: RFC 3339,
 * all operators. `map`: text by a key after a dot (`labels.team`), `=` only.
 */
export type FilterField =
  | { readonly kind: 'text' }
  | { readonly kind: 'enum'; readonly values: readonly string[] }
  | { readonly kind: 'time' }
  | { readonly kind: 'map' };

/** One term of a filter, checked against its field. */
export type FilterTerm =
  | { readonly kind: 'text' | 'enum'; readonly field: string; readonly value: string }
  | { readonly kind: 'time'; readonly field: string; readonly operator: FilterOperator; readonly value: Date }
  | { readonly kind: 'map'; readonly field: string; readonly key: string; readonly value: string };

const MAX_LENGTH = 1_024;
const MAX_TERMS = 8;

const NAME = /[a-z][a-z0-9_]*/y;
const MAP_KEY = /\.([a-z0-9._/-]{1,63})/y;
const OPERATOR = / *(<=|>=|=|<|>) */y;
const VALUE = /"((?:[^"\\]|\\["\\])*)"/y;
const AND = / +AND +/y;

/** RFC 3339, section 5.6, in the subset that protobuf's Timestamp has in JSON. */
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Parses the filter of a list RPC: terms joined by ` AND `, each a field, an operator and a value in double quotes, in which
 * `\"` and `\\` stand for `"` and `\`. At most 1,024 characters and 8 terms; an empty filter has none.
 *
 * @throws RpcInputError `invalid-filter` naming the position, from 1, of the character at fault.
 */
export function parseFilter(text: string, fields: Readonly<Record<string, FilterField>>): FilterTerm[] {
  if (text === '') return [];
  if (text.length > MAX_LENGTH) throw invalid(`is longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  const terms: FilterTerm[] = [];
  let at = 0;
  const take = (pattern: RegExp, expected: string): RegExpExecArray => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) throw invalid(`needs ${expected}`, at);
    at = pattern.lastIndex;
    return match;
  };
  for (;;) {
    const begin = at;
    const [name] = take(NAME, 'a field name');
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw invalid(`knows no field ${name}; it knows ${Object.keys(fields).join(', ')}`, begin);
    const key = field.kind === 'map' ? (take(MAP_KEY, 'a dot and a key')[1] ?? '') : '';
    const operatorAt = at;
    const operator = take(OPERATOR, 'an operator')[1] ?? '';
    const valueAt = at;
    const value = (take(VALUE, 'a value in double quotes')[1] ?? '').replaceAll(/\\(["\\])/g, '$1');
    terms.push(term(field, { name, key, operator, operatorAt, value, valueAt }));
    if (at === text.length) return terms;
    if (terms.length === MAX_TERMS) throw invalid(`has more than ${MAX_TERMS} terms`, at);
    take(AND, '" AND " or the end');
  }
}

interface RawTerm {
  readonly name: string;
  readonly key: string;
  readonly operator: string;
  readonly operatorAt: number;
  readonly value: string;
  readonly valueAt: number;
}

function term(field: FilterField, raw: RawTerm): FilterTerm {
  const { name, key, operator, operatorAt, value, valueAt } = raw;
  if (field.kind === 'time')
    return { kind: 'time', field: name, operator: operatorOf(operator), value: timeOf(value, valueAt) };
  if (operator !== '=') throw invalid(`compares ${name} with = only`, operatorAt);
  if (field.kind === 'map') return { kind: 'map', field: name, key, value };
  if (field.kind === 'enum' && !field.values.includes(value)) {
    throw invalid(`knows these values of ${name}: ${field.values.join(', ')}`, valueAt);
  }
  return { kind: field.kind, field: name, value };
}

function operatorOf(text: string): FilterOperator {
  return text === '<' || text === '<=' || text === '>' || text === '>=' ? text : '=';
}

function timeOf(text: string, at: number): Date {
  const time = new Date(TIME.test(text) ? text : Number.NaN);
  if (Number.isNaN(time.getTime())) throw invalid('needs a time like "2027-01-01T00:00:00Z"', at);
  return time;
}

function invalid(problem: string, at: number): RpcInputError {
  return new RpcInputError('invalid-filter', `The filter ${problem}, at character ${at + 1}.`, { field: 'filter' });
}
