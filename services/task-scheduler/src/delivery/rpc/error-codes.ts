import { errorMapping, type RpcCode } from '@cert-tasks/rpc';
import { SchedulerError, type SchedulerErrorCode } from '../../domain/errors.ts';

/** How each error of this service looks from outside. */
export const SCHEDULER_RPC_CODES: Readonly<Record<SchedulerErrorCode, RpcCode>> = {
  'invalid-argument': 'INVALID_ARGUMENT',
  'task-not-found': 'NOT_FOUND',
  'task-ended': 'FAILED_PRECONDITION',
  'fence-stale': 'FAILED_PRECONDITION',
  'unique-key-taken': 'ALREADY_EXISTS',
  'schedule-not-found': 'NOT_FOUND',
  'schedule-exists': 'ALREADY_EXISTS',
  'broken-history': 'DATA_LOSS',
};

/** The mapping of this service's errors. */
export const schedulerErrorMapping = errorMapping({
  errorClass: SchedulerError,
  domain: 'certtasks.task',
  codes: SCHEDULER_RPC_CODES,
});
