import { AppError } from '@cert-tasks/kernel';

/**
 * Why a service did not start or stop.
 *
 * `start-failed`, `stop-failed`: a member said so (it is the cause). `start-deadline`, `stop-deadline`: a member took
 * longer than it may. `stopped-while-starting`: stop was called before the start was complete.
 */
export type LifecycleErrorCode =
  | 'start-failed'
  | 'start-deadline'
  | 'stop-failed'
  | 'stop-deadline'
  | 'stopped-while-starting';

/** Raised by {@link ServiceGroup}. */
export class LifecycleError extends AppError<LifecycleErrorCode> {}
