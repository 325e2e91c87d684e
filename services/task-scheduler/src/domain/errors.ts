import { AppError } from '@cert-tasks/kernel';

/** Why the scheduler refuses something; each code is told to callers as a reason of its own. */
export type SchedulerErrorCode =
  /** A field of the call is at fault; `field` names it. */
  | 'invalid-argument'
  /** No such task in this project. */
  | 'task-not-found'
  /** The task has ended otherwise: it cannot be cancelled any more. */
  | 'task-ended'
  /** The lease has passed on, or the task has ended: the caller's result or sign of life changes nothing. */
  | 'fence-stale'
  /** Another task that has not ended holds the unique key; its name is in the metadata under `task`. */
  | 'unique-key-taken'
  /** No such schedule in this project. */
  | 'schedule-not-found'
  /** A schedule of this name exists with other content. */
  | 'schedule-exists'
  /** The history of a task contradicts the state machine, or its row. A defect or a tampered database. */
  | 'broken-history';

/** Raised by the task-scheduler on purpose. */
export class SchedulerError extends AppError<SchedulerErrorCode> {}

/** A {@link SchedulerError} `invalid-argument` for the field, named as the caller named it. */
export function invalidArgument({ field, message }: { field: string; message: string }): SchedulerError {
  return new SchedulerError('invalid-argument', message, { field });
}

/** A {@link SchedulerError} `task-not-found`: the same for one that never was and one of another project. */
export function taskNotFound({ project, id }: { project: string; id: string }): SchedulerError {
  return new SchedulerError('task-not-found', `There is no task ${id} in the project ${project}.`, { field: 'name' });
}

/** A {@link SchedulerError} `schedule-not-found`: the same for one that never was and one of another project. */
export function scheduleNotFound({ project, id }: { project: string; id: string }): SchedulerError {
  return new SchedulerError('schedule-not-found', `There is no schedule ${id} in the project ${project}.`, {
    field: 'name',
  });
}
