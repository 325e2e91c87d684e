import type { ListAuditEntriesRequest } from '@cert-tasks/contracts/audit/v1';
import { assertNever, parseResourceName } from '@cert-tasks/kernel';
import {
  decodePageToken,
  type FilterField,
  type FilterTerm,
  type PagedQuery,
  pageSizeOf,
  parseFilter,
  parseOrderBy,
  RpcInputError,
} from '@cert-tasks/rpc';
import { isEventId, type Result } from '../../domain/audit-event.ts';
import type { EntryCondition, EntryQuery } from '../../domain/entry-query.ts';
import { AuditError } from '../../domain/errors.ts';

const PAGE_SIZE = { whenZero: 50, most: 1_000 };

/** The values of `result` in a filter, and the events' own. */
const RESULTS = new Map([
  ['SUCCESS', 'RESULT_SUCCESS'],
  ['REFUSED', 'RESULT_REFUSED'],
  ['FAILURE', 'RESULT_FAILURE'],
] as const);

const FILTER_FIELDS = {
  type: { kind: 'text' },
  subject: { kind: 'text' },
  actor: { kind: 'text' },
  action: { kind: 'text' },
  source: { kind: 'text' },
  result: { kind: 'enum', values: [...RESULTS.keys()] },
  time: { kind: 'time' },
} as const satisfies Readonly<Record<string, FilterField>>;

/** "projects/{project}" as the project. @throws RpcInputError `invalid-field`. */
export function parseParent(parent: string): string {
  const ids = parseResourceName(parent, 'projects/{project}');
  if (ids !== undefined) return ids.project;
  throw new RpcInputError('invalid-field', 'The parent is "projects/{project}".', { field: 'parent' });
}

/**
 * "projects/{project}/auditEntries/{event}" as its parts.
 *
 * @throws RpcInputError `invalid-field`; AuditError `entry-not-found` for an event id that none can have.
 */
export function parseEntryName(name: string): { readonly project: string; readonly eventId: string } {
  const ids = parseResourceName(name, 'projects/{project}/auditEntries/{event}');
  if (ids === undefined) {
    throw new RpcInputError('invalid-field', 'The name is "projects/{project}/auditEntries/{event}".', {
      field: 'name',
    });
  }
  if (isEventId(ids.event)) return { project: ids.project, eventId: ids.event };
  throw new AuditError('entry-not-found', 'The project has no audit entry of this name: an event id is a UUID.', {
    field: 'name',
  });
}

/** What the page tokens of a list are bound to. */
export function pagedQuery({ parent, filter, orderBy, pageSize }: ListAuditEntriesRequest): PagedQuery {
  return { parent, filter, orderBy, pageSize: pageSize.toString() };
}

/** A list request as a query. @throws RpcInputError naming the field. */
export function parseQuery(request: ListAuditEntriesRequest): EntryQuery {
  const project = parseParent(request.parent);
  const conditions = parseFilter(request.filter, FILTER_FIELDS).map(condition);
  const { isDescending } = parseOrderBy(request.orderBy, {
    fields: ['index'],
    whenEmpty: { field: 'index', isDescending: true },
  });
  const after = parseCursor(request);
  const limit = pageSizeOf(request.pageSize, PAGE_SIZE);
  return { project, conditions, order: isDescending ? 'newest-first' : 'oldest-first', after, limit };
}

function parseCursor(request: ListAuditEntriesRequest): bigint | undefined {
  const cursor = decodePageToken(request.pageToken, pagedQuery(request));
  if (cursor === undefined) return undefined;
  const text = cursor['index'] ?? '';
  // Whoever makes up a cursor gets an answer from some place of the same list, or this.
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new RpcInputError(
    'invalid-page-token',
    'The page token is not one of ours. Take next_page_token as it was sent.',
    {
      field: 'page_token',
    },
  );
}

function condition(term: FilterTerm): EntryCondition {
  switch (term.kind) {
    case 'time':
      return timeCondition(term);
    case 'enum':
      return { field: 'result', value: resultOf(term.value) };
    case 'text':
      return { field: textField(term.field), value: storableText(term.value) };
    case 'map':
      throw new TypeError('No field of the filter is a map.');
    default:
      return assertNever(term);
  }
}

function resultOf(name: string): Exclude<Result, ''> {
  for (const [known, result] of RESULTS) if (known === name) return result;
  throw new TypeError(`The filter let ${name} through for a result.`);
}

function timeCondition({ operator, value }: Extract<FilterTerm, { kind: 'time' }>): EntryCondition {
  if (operator !== '=') return { field: 'time', comparison: operator, value };
  throw new RpcInputError('invalid-filter', 'The filter compares time with <, <=, > or >= only.', { field: 'filter' });
}

function textField(field: string): 'type' | 'subject' | 'actor' | 'action' | 'source' {
  if (field === 'type' || field === 'subject' || field === 'actor' || field === 'action' || field === 'source')
    return field;
  throw new TypeError(`The filter has no text field ${field}.`);
}

/** PostgreSQL refuses U+0000 in text, and no event has it: nothing can be equal to such a value. */
function storableText(value: string): string {
  if (!value.includes('\0')) return value;
  throw new RpcInputError('invalid-filter', 'The filter has a null character.', { field: 'filter' });
}
