import { AppError } from '@cert-tasks/kernel';

/** Why a listener does not listen. */
export type ListenerErrorCode =
  | 'plain-text-refused'
  | 'address-in-use'
  | 'cannot-listen'
  | 'invalid-tls'
  | 'not-started';

/** Raised when a listener is started with what does not work, or asked for its port too early. */
export class ListenerError extends AppError<ListenerErrorCode> {}
