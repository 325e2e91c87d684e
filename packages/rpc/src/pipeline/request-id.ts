import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';

/** The header that carries the request id, both ways. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Harmless in a header, a log line and an error message. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's request id where it is fit to be passed on, else a new one. */
export function requestIdFrom(header: string | undefined, source: { clock: Clock; randomBytes: RandomBytes }): string {
  return header !== undefined && header.length <= 128 && REQUEST_ID.test(header) ? header : newId(source);
}
