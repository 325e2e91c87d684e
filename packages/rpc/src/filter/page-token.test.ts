import { describe, expect, it } from 'vitest';
import { decodePageToken, encodePageToken, pageSizeOf } from './page-token.ts';

const QUERY = { parent: 'projects/p1', filter: 'state = "ISSUED"', order_by: '' };
const refused = expect.objectContaining({ code: 'invalid-page-token', field: 'page_token' });

describe('page tokens', () => {
  it('come back as they were made, whatever the order of the fields', () => {
    const token = encodePageToken({ time: '2027-01-01T00:00:00Z', id: 'c1' }, QUERY);
    expect(token).toMatch(/^[A-Za-z0-9_-]{1,512}$/);
    const reordered = { order_by: '', filter: 'state = "ISSUED"', parent: 'projects/p1' };
    expect(decodePageToken(token, reordered)).toEqual({ time: '2027-01-01T00:00:00Z', id: 'c1' });
  });

  it('ask for the first page when empty', () => {
    expect(decodePageToken('', QUERY)).toBeUndefined();
  });

  it.each([
    ['another project', { ...QUERY, parent: 'projects/p2' }],
    ['another filter', { ...QUERY, filter: '' }],
    ['a field more', { ...QUERY, extra: '' }],
  ])('are refused with %s', (_what, query) => {
    const token = encodePageToken({ id: 'c1' }, QUERY);
    expect(() => decodePageToken(token, query)).toThrow(refused);
  });

  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  it.each([
    ['no token', 'x'],
    ['no object', encoded('x')],
    ['null', encoded(null)],
    ['no binding', encoded({ c: {} })],
    ['a cursor of something else than text', encoded({ q: 'x', c: { id: { $gt: '' } } })],
    ['a list for a cursor', encoded({ q: 'x', c: ['a'] })],
    ['too much', 'a'.repeat(513)],
  ])('are refused when they hold %s', (_what, token) => {
    expect(() => decodePageToken(token, QUERY)).toThrow(refused);
  });

  it('do not grow beyond the contract', () => {
    expect(() => encodePageToken({ id: 'x'.repeat(400) }, QUERY)).toThrow(RangeError);
  });
});

describe('pageSizeOf', () => {
  it.each([
    [0, 50],
    [1, 1],
    [1_000, 1_000],
    [5_000, 1_000],
  ])('takes %i as %i', (asked, size) => {
    expect(pageSizeOf(asked, { whenZero: 50, most: 1_000 })).toBe(size);
  });
});
