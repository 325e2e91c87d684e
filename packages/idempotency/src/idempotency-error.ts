import { AppError } from '@cert-tasks/kernel';

/**
 * Why a request was not taken up.
 *
 * `request-id-reused`: another request came under this id within the last 7 days. `request-in-progress`: the same id is
 * being worked on, and was so for the whole time that it was waited for.
 */
export type IdempotencyErrorCode = 'request-id-reused' | 'request-in-progress';

/** Raised by this package. */
export class IdempotencyError extends AppError<IdempotencyErrorCode> {}
