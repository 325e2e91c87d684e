import { type PageCursor, RpcInputError } from '@cert-tasks/rpc';

/** The row that a page begins after: its time in the list's order, and its UUID. */
export interface RowCursor {
  readonly at: Date;
  readonly id: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

/** The cursor as a page token holds it. */
export function formatCursor({ at, id }: RowCursor): PageCursor {
  return { t: at.toISOString(), i: id };
}

/**
 * The row of a token's cursor. It is not signed: what it holds is checked like any input, and gives no right that the
 * request does not have.
 * @throws RpcInputError `invalid-page-token`.
 */
export function parseCursor(cursor: PageCursor | undefined): RowCursor | undefined {
  if (cursor === undefined) return undefined;
  const { t: time = '', i: id = '' } = cursor;
  const at = new Date(TIME.test(time) ? time : Number.NaN);
  if (!Number.isNaN(at.getTime()) && at.getUTCFullYear() >= 1 && UUID.test(id)) return { at, id };
  throw new RpcInputError(
    'invalid-page-token',
    'The page token is not one of ours. Take next_page_token as it was sent.',
    { field: 'page_token' },
  );
}
