import { AppError } from '@cert-tasks/kernel';

/**
 * What went wrong with events.
 *
 * - `event-too-large`, `invalid-event`: the event cannot be appended; the transaction MUST be rolled back. A defect of the
 *   producer.
 * - `events-pruned`: events after the number asked for are no longer kept (OUT_OF_RANGE).
 * - `caller-not-allowed`: the caller is no service that may read this feed, or reports for another (PERMISSION_DENIED).
 * - `position-ahead`: the consumer reports events that this source never had (FAILED_PRECONDITION).
 */
export type OutboxErrorCode =
  | 'event-too-large'
  | 'invalid-event'
  | 'events-pruned'
  | 'caller-not-allowed'
  | 'position-ahead';

/** Raised by this package. */
export class OutboxError extends AppError<OutboxErrorCode> {}
