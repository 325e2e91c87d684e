import { formatResourceName, parseResourceName } from '@cert-tasks/kernel';
import { invalidArgument, scheduleNotFound, taskNotFound } from '../../domain/errors.ts';
import type { TaskRef } from '../../domain/task.ts';

const PROJECT = 'projects/{project}';
const TASK = 'projects/{project}/tasks/{task}';
const SCHEDULE = 'projects/{project}/schedules/{schedule}';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** All projects, in a worker's parent. */
const ALL_PROJECTS = '-';

/** The project of a parent. @throws SchedulerError `invalid-argument`. */
export function parseParent(parent: string): string {
  const project = parseResourceName(parent, PROJECT)?.project;
  if (project === undefined) throw invalidArgument({ field: 'parent', message: `The parent must be ${PROJECT}.` });
  return project;
}

/**
 * The project of a worker's parent; undefined for all of them, which the pipeline lets only the platform's own
 * services say.
 */
export function parseWorkerParent(parent: string): string | undefined {
  const project = parseParent(parent);
  return project === ALL_PROJECTS ? undefined : project;
}

/**
 * A task's name. An id that is no UUID was never a task's.
 *
 * @throws SchedulerError `invalid-argument` for the field, `task-not-found`.
 */
export function parseTaskName(name: string, field = 'name'): TaskRef {
  const ids = parseResourceName(name, TASK);
  if (ids === undefined) throw invalidArgument({ field, message: `The ${field} must be ${TASK}.` });
  const ref = { project: ids.project, id: ids.task };
  if (!UUID.test(ref.id)) throw taskNotFound(ref);
  return ref;
}

/**
 * A schedule's name. @throws SchedulerError `invalid-argument`, `schedule-not-found` where it is none that could be.
 */
export function parseScheduleName(name: string, field = 'name'): { readonly project: string; readonly id: string } {
  const ids = parseResourceName(name, SCHEDULE);
  if (ids === undefined) throw invalidArgument({ field, message: `The ${field} must be ${SCHEDULE}.` });
  const ref = { project: ids.project, id: ids.schedule };
  if (ref.project === ALL_PROJECTS) throw scheduleNotFound(ref);
  return ref;
}

/** The name of a task. */
export function formatTaskName({ project, id }: TaskRef): string {
  return formatResourceName(TASK, { project, task: id });
}

/** The name of a schedule. */
export function formatScheduleName({ project, id }: { readonly project: string; readonly id: string }): string {
  return formatResourceName(SCHEDULE, { project, schedule: id });
}
