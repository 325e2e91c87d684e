import { create } from '@bufbuild/protobuf';
import { ListAuditEntriesRequestSchema } from '@cert-tasks/contracts/audit/v1';
import { encodePageToken } from '@cert-tasks/rpc';
import { expect, test } from 'vitest';
import { pagedQuery, parseEntryName, parseParent, parseQuery } from './parse.ts';

const PARENT = 'projects/acme';

function query(fields: { filter?: string; orderBy?: string; pageSize?: number; pageToken?: string }) {
  return parseQuery(create(ListAuditEntriesRequestSchema, { parent: PARENT, ...fields }));
}

test('an empty request asks for the newest 50', () => {
  expect(query({})).toEqual({ project: 'acme', conditions: [], order: 'newest-first', after: undefined, limit: 50 });
});

test('reads every term that the contract names', () => {
  const filter =
    'type = "a.b" AND subject = "projects/x" AND actor = "al\\"ice" AND action = "x" AND source = "cert" ' +
    'AND result = "REFUSED" AND time >= "2027-01-01T00:00:00Z" AND time < "2027-01-02T00:00:00Z"';
  expect(query({ filter }).conditions).toEqual([
    { field: 'type', value: 'a.b' },
    { field: 'subject', value: 'projects/x' },
    { field: 'actor', value: 'al"ice' },
    { field: 'action', value: 'x' },
    { field: 'source', value: 'cert' },
    { field: 'result', value: 'RESULT_REFUSED' },
    { field: 'time', comparison: '>=', value: new Date('2027-01-01T00:00:00Z') },
    { field: 'time', comparison: '<', value: new Date('2027-01-02T00:00:00Z') },
  ]);
});

test.each([
  ['filter', { filter: 'salt = "x"' }],
  ['filter', { filter: 'result = "RESULT_SUCCESS"' }],
  ['filter', { filter: 'time = "2027-01-01T00:00:00Z"' }],
  ['filter', { filter: 'actor > "a"' }],
  ['filter', { filter: 'actor = "a\0"' }],
  ['order_by', { orderBy: 'time' }],
  ['page_token', { pageToken: 'x' }],
] as const)('refuses a wrong %s: %j', (field, fields) => {
  expect(() => query(fields)).toThrow(expect.objectContaining({ name: 'RpcInputError', field }));
});

test('a page goes on where the last ended, under the same other fields only', () => {
  const first = create(ListAuditEntriesRequestSchema, { parent: PARENT, orderBy: 'index', pageSize: 5_000 });
  const pageToken = encodePageToken({ index: '42' }, pagedQuery(first));
  const asked = { orderBy: 'index', pageSize: 5_000, pageToken };
  expect(query(asked)).toMatchObject({ order: 'oldest-first', after: 42n, limit: 1_000 });
  expect(() => query({ ...asked, orderBy: 'index desc' })).toThrow(expect.objectContaining({ field: 'page_token' }));
  for (const index of ['-1', '9'.repeat(19), '1.5', '']) {
    const forged = encodePageToken({ index }, pagedQuery(first));
    expect(() => query({ ...asked, pageToken: forged })).toThrow(expect.objectContaining({ field: 'page_token' }));
  }
});

test('names are taken apart, and an id that is no UUID names nothing', () => {
  const eventId = '0192a000-0000-7000-8000-000000000000';
  expect(parseEntryName(`projects/acme/auditEntries/${eventId}`)).toEqual({ project: 'acme', eventId });
  expect(() => parseEntryName('projects/acme/auditEntries/x')).toThrow(
    expect.objectContaining({ code: 'entry-not-found' }),
  );
  expect(() => parseEntryName('projects/acme')).toThrow(expect.objectContaining({ field: 'name' }));
  expect(() => parseParent('acme')).toThrow(expect.objectContaining({ field: 'parent' }));
});
