import { type Duration, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import {
  type CreateTaskRequest,
  type TaskHeartbeat,
  TaskPriority as TaskPriorityNumber,
} from '@cert-tasks/contracts/task/v1';
import { type FilterField, parseFilter } from '@cert-tasks/rpc';
import type { Heartbeat, ShownState } from '../../application/ports/task-store.ts';
import type { TaskRequest } from '../../domain/define-task.ts';
import { invalidArgument } from '../../domain/errors.ts';
import { TASK_STATES, type TaskPriority, type TaskState } from '../../domain/task.ts';
import { parseTaskName } from './names.ts';

const PRIORITIES: Readonly<Record<TaskPriorityNumber, TaskPriority>> = {
  [TaskPriorityNumber.UNSPECIFIED]: 1,
  [TaskPriorityNumber.LOW]: 0,
  [TaskPriorityNumber.NORMAL]: 1,
  [TaskPriorityNumber.HIGH]: 2,
  [TaskPriorityNumber.CRITICAL]: 3,
};

/** W3C trace context, version 00. */
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What a task's type may be; no task has another. */
const TASK_TYPE = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what a Timestamp may hold. */
const MIN_TIMESTAMP_SECONDS = -62_135_596_800n;
const MAX_TIMESTAMP_SECONDS = 253_402_300_799n;

const TASK_FILTER: Readonly<Record<string, FilterField>> = {
  state: { kind: 'enum', values: TASK_STATES.map((state) => state.toUpperCase()) },
  type: { kind: 'text' },
};

/** A task to create, in the domain's terms. @throws SchedulerError `invalid-argument`. */
export function parseTaskRequest(request: CreateTaskRequest, traceparent: string | undefined): TaskRequest {
  const { retryPolicy } = request;
  return {
    type: request.type,
    priority: PRIORITIES[request.priority],
    payload: request.payload ?? {},
    labels: request.labels,
    scheduleTime: parseTime(request.scheduleTime, 'schedule_time'),
    deadlineTime: parseTime(request.deadlineTime, 'deadline_time'),
    attemptTimeoutMs: wholeMs(request.attemptTimeout),
    retryPolicy: {
      maxAttempts: retryPolicy?.maxAttempts,
      initialBackoffMs: wholeMs(retryPolicy?.initialBackoff),
      maxBackoffMs: wholeMs(retryPolicy?.maxBackoff),
    },
    uniqueKey: request.uniqueKey,
    traceparent: traceparent !== undefined && TRACEPARENT.test(traceparent) ? traceparent : undefined,
  };
}

/**
 * The signs of life of a call; each task must be of the parent's project. @throws SchedulerError `invalid-argument`.
 */
export function parseHeartbeats(beats: readonly TaskHeartbeat[], project: string | undefined): readonly Heartbeat[] {
  return beats.map(({ name, fence, progressPercent, progressMessage }, i) => {
    const field = `heartbeats[${i}].name`;
    const ref = parseTaskName(name, field);
    if (project !== undefined && ref.project !== project) {
      throw invalidArgument({ field, message: 'The task must be of the project that the parent names.' });
    }
    return { ...ref, fence, progress: { percent: progressPercent, message: progressMessage } };
  });
}

/** What a list of tasks is filtered by; undefined where no task can meet it. */
export function parseTaskFilter(
  filter: string,
): { readonly state: ShownState | undefined; readonly type: string | undefined } | undefined {
  const values = new Map<string, string>();
  for (const term of parseFilter(filter, TASK_FILTER)) {
    if (term.kind === 'time') continue;
    if ((values.get(term.field) ?? term.value) !== term.value) return undefined;
    values.set(term.field, term.value);
  }
  const type = values.get('type');
  if (type !== undefined && !TASK_TYPE.test(type)) return undefined;
  return { state: shownState(values.get('state')), type };
}

/**
 * The sequence in a page token, which may have been made up; 0 where there is none. @throws SchedulerError `invalid-
 * argument`.
 */
export function parseSequence(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\d{1,9}$/.test(text)) {
    throw invalidArgument({ field: 'page_token', message: 'The page token is not one of ours. Begin without one.' });
  }
  return Number(text);
}

/** The milliseconds of a duration, which may have a fraction; undefined where there is none. */
export function durationMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

function wholeMs(duration: Duration | undefined): number | undefined {
  const ms = durationMs(duration);
  return ms === undefined ? undefined : Math.round(ms);
}

function parseTime(time: Timestamp | undefined, field: string): Date | undefined {
  if (time === undefined) return undefined;
  if (time.seconds < MIN_TIMESTAMP_SECONDS || time.seconds > MAX_TIMESTAMP_SECONDS) {
    throw invalidArgument({ field, message: `The ${field} must lie in the years 1 to 9999.` });
  }
  return timestampDate(time);
}

function shownState(value: string | undefined): ShownState | undefined {
  const states: readonly TaskState[] = TASK_STATES;
  return states.find((state) => state.toUpperCase() === value);
}
