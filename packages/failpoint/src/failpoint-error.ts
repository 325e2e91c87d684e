import { AppError } from '@cert-tasks/kernel';

/** Why no failpoint was armed. */
export type FailpointErrorCode = 'unknown-failpoint' | 'refused-in-production';

/** Raised by `armFailpoint`. */
export class FailpointError extends AppError<FailpointErrorCode> {}
