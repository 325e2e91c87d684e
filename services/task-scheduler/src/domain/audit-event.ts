import type { Schedule } from './schedule.ts';
import type { TaskDefinition, TaskEvent, TaskRef, TaskState } from './task.ts';

/** What the audit log is told of one step; where it came from is added by whoever took it. */
export interface AuditEvent {
  /** "task.created" and its like: docs/events.md. */
  readonly type: string;
  readonly project: string;
  /** Resource name. */
  readonly subject: string;
  readonly result: 'success' | 'failure';
  /** In capitals; empty where it went well. */
  readonly reason: string;
  readonly data: Readonly<Record<string, string | number>>;
}

const TYPES: Readonly<Record<TaskState, string>> = {
  scheduled: 'task.created',
  pending: 'task.created',
  running: 'task.started',
  completed: 'task.completed',
  failed: 'task.failed',
  retrying: 'task.retrying',
  cancelled: 'task.cancelled',
  dead: 'task.dead',
};

/**
 * Types of tasks whose every step is an event of the audit log. Others have their task history only (docs/adr/0004).
 */
export function isAudited(taskType: string): boolean {
  return taskType.startsWith('cert.');
}

/**
 * The audit event of a task's step. Neither payload nor result nor messages: they are the caller's, and may be
 * personal.
 */
export function taskAuditEvent(
  task: TaskRef & { readonly definition: Pick<TaskDefinition, 'type' | 'schedule'> },
  event: TaskEvent,
): AuditEvent {
  const failed = event.state === 'retrying' || event.state === 'failed' || event.state === 'dead';
  const worker = 'worker' in event ? event.worker : undefined;
  const { type, schedule } = task.definition;
  return {
    type: TYPES[event.state],
    project: task.project,
    subject: `projects/${task.project}/tasks/${task.id}`,
    result: failed ? 'failure' : 'success',
    reason: failed ? event.error.reason : '',
    data: {
      taskType: type,
      attempt: event.attempt,
      ...(worker === undefined ? {} : { worker }),
      ...(schedule === undefined ? {} : { schedule: `projects/${task.project}/schedules/${schedule}` }),
    },
  };
}

/** The audit event of a schedule's creation or deletion. */
export function scheduleAuditEvent(type: 'schedule.created' | 'schedule.deleted', schedule: Schedule): AuditEvent {
  return {
    type,
    project: schedule.project,
    subject: `projects/${schedule.project}/schedules/${schedule.id}`,
    result: 'success',
    reason: '',
    data: { taskType: schedule.taskType, intervalMs: schedule.intervalMs },
  };
}
