import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  type HeartbeatOutcomeSchema,
  type LeasedTaskSchema,
  type ScheduleSchema,
  type TaskEventSchema,
  TaskPriority as TaskPriorityNumber,
  type TaskSchema,
  TaskState as TaskStateNumber,
} from '@cert-tasks/contracts/task/v1';
import type { HeartbeatOutcome } from '../../application/heartbeat-tasks.ts';
import type { TaskEventSummary } from '../../application/ports/task-store.ts';
import type { Schedule } from '../../domain/schedule.ts';
import type { LeasedTask, Task, TaskFailure, TaskPriority, TaskState } from '../../domain/task.ts';
import { formatScheduleName, formatTaskName } from './names.ts';

const STATES: Readonly<Record<TaskState, TaskStateNumber>> = {
  scheduled: TaskStateNumber.SCHEDULED,
  pending: TaskStateNumber.PENDING,
  running: TaskStateNumber.RUNNING,
  retrying: TaskStateNumber.RETRYING,
  completed: TaskStateNumber.COMPLETED,
  failed: TaskStateNumber.FAILED,
  cancelled: TaskStateNumber.CANCELLED,
  dead: TaskStateNumber.DEAD,
};

const PRIORITIES: Readonly<Record<TaskPriority, TaskPriorityNumber>> = {
  0: TaskPriorityNumber.LOW,
  1: TaskPriorityNumber.NORMAL,
  2: TaskPriorityNumber.HIGH,
  3: TaskPriorityNumber.CRITICAL,
};

/** A task as the contract has it. */
export function formatTask(task: Task): MessageInitShape<typeof TaskSchema> {
  const { project, definition, life, progress } = task;
  const { retry, deadlineAt, schedule } = definition;
  return {
    name: formatTaskName(task),
    type: definition.type,
    payload: definition.payload,
    state: STATES[life.state],
    priority: PRIORITIES[definition.priority],
    scheduleTime: timestampFromDate(life.runAt),
    ...(deadlineAt !== undefined && { deadlineTime: timestampFromDate(deadlineAt) }),
    attemptTimeout: durationFromMs(definition.attemptTimeoutMs),
    retryPolicy: {
      maxAttempts: retry.maxAttempts,
      initialBackoff: durationFromMs(retry.initialBackoffMs),
      maxBackoff: durationFromMs(retry.maxBackoffMs),
    },
    attempt: life.attempt,
    labels: { ...definition.labels },
    uniqueKey: definition.uniqueKey ?? '',
    progressPercent: progress.percent,
    progressMessage: progress.message,
    ...(life.result !== undefined && { result: life.result }),
    ...(life.lastError !== undefined && { lastError: formatFailure(life.lastError) }),
    worker: life.worker ?? '',
    createTime: timestampFromDate(life.createdAt),
    ...(life.startedAt !== undefined && { startTime: timestampFromDate(life.startedAt) }),
    ...(life.endedAt !== undefined && { endTime: timestampFromDate(life.endedAt) }),
    schedule: schedule === undefined ? '' : formatScheduleName({ project, id: schedule }),
    etag: String(life.version),
  };
}

/** A task in a worker's hands as the contract has it. */
export function formatLeasedTask({ task, leaseExpiresAt }: LeasedTask): MessageInitShape<typeof LeasedTaskSchema> {
  return {
    task: formatTask(task),
    fence: task.life.fence,
    leaseExpireTime: timestampFromDate(leaseExpiresAt),
    traceparent: task.definition.traceparent ?? '',
  };
}

/** What a sign of life brought, as the contract has it. */
export function formatHeartbeat(outcome: HeartbeatOutcome): MessageInitShape<typeof HeartbeatOutcomeSchema> {
  if (!outcome.held) return { held: false, reason: outcome.reason };
  return { held: true, leaseExpireTime: timestampFromDate(outcome.leaseExpiresAt) };
}

/** A transition as the contract has it. */
export function formatTaskEvent(event: TaskEventSummary): MessageInitShape<typeof TaskEventSchema> {
  return {
    sequence: event.sequence,
    state: STATES[event.state],
    time: timestampFromDate(event.at),
    attempt: event.attempt,
    worker: event.worker ?? '',
    ...(event.error !== undefined && { error: formatFailure(event.error) }),
  };
}

/** A schedule as the contract has it. */
export function formatSchedule(schedule: Schedule): MessageInitShape<typeof ScheduleSchema> {
  const { project, lastAt, lastTask } = schedule;
  return {
    name: formatScheduleName(schedule),
    interval: durationFromMs(schedule.intervalMs),
    taskType: schedule.taskType,
    taskPayload: schedule.taskPayload,
    nextTime: timestampFromDate(schedule.nextAt),
    ...(lastAt !== undefined && { lastTime: timestampFromDate(lastAt) }),
    lastTask: lastTask === undefined ? '' : formatTaskName({ project, id: lastTask }),
    createTime: timestampFromDate(schedule.createdAt),
    etag: String(schedule.version),
  };
}

function formatFailure({ reason, message }: TaskFailure): { reason: string; message: string } {
  return { reason, message };
}
