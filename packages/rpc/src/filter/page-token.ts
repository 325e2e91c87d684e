import { hash } from 'node:crypto';
import { RpcInputError } from '../errors/rpc-input-error.ts';

/** Where a list goes on: short texts by name, made and read by the handler alone. */
export type PageCursor = Readonly<Record<string, string>>;

/** The other fields of the list request, by name: a token counts only with the same ones. */
export type PagedQuery = Readonly<Record<string, string>>;

const MAX_TOKEN_LENGTH = 512;

/** 128 bits tell requests apart; this is no secret, since a cursor gives no right that the request does not have. */
const BINDING_CHARACTERS = 22;

/** The token for the page after the cursor. */
export function encodePageToken(cursor: PageCursor, query: PagedQuery): string {
  const token = Buffer.from(JSON.stringify({ q: binding(query), c: cursor }), 'utf8').toString('base64url');
  if (token.length > MAX_TOKEN_LENGTH)
    throw new RangeError('A page cursor must be shorter: its token exceeds the contract.');
  return token;
}

/**
 * Reads a page token; undefined for the empty one, which asks for the first page. What is in the cursor may have been made
 * up: the handler parses it like any other input.
 *
 * @throws RpcInputError `invalid-page-token` when it is malformed or belongs to another request.
 */
export function decodePageToken(token: string, query: PagedQuery): PageCursor | undefined {
  if (token === '') return undefined;
  const content = token.length > MAX_TOKEN_LENGTH ? undefined : parsed(token);
  if (content === undefined) throw invalid('The page token is not one of ours. Take next_page_token as it was sent.');
  if (content.q !== binding(query)) {
    throw invalid('The page token belongs to a request with other fields. Repeat them, or begin without a token.');
  }
  return content.c;
}

/** The size of a page: the default for 0, never more than the most. */
export function pageSizeOf(
  asked: number,
  { whenZero, most }: { readonly whenZero: number; readonly most: number },
): number {
  return Math.min(asked === 0 ? whenZero : asked, most);
}

function binding(query: PagedQuery): string {
  const fields = Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(fields), 'base64url').slice(0, BINDING_CHARACTERS);
}

function parsed(token: string): { readonly q: string; readonly c: PageCursor } | undefined {
  try {
    const content: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (typeof content !== 'object' || content === null || !('q' in content) || !('c' in content)) return undefined;
    const { q, c } = content;
    return typeof q === 'string' && isCursor(c) ? { q, c } : undefined;
  } catch {
    return undefined;
  }
}

function isCursor(value: unknown): value is PageCursor {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((part) => typeof part === 'string');
}

function invalid(message: string): RpcInputError {
  return new RpcInputError('invalid-page-token', message, { field: 'page_token' });
}
