import { AppError } from '@cert-tasks/kernel';

/** Why a handler is to stop. */
export type TaskAbortCode = 'lease-lost' | 'cancelled' | 'attempt-timeout' | 'shutting-down';

/**
 * The reason of a handler's aborted signal. After `lease-lost` and `cancelled` nothing that the handler answers counts any
 * more; after the others the attempt is reported as failed, and tried again by the task's policy.
 */
export class TaskAbort extends AppError<TaskAbortCode> {}
