import type { LockedTask, TaskChange } from '../../application/ports/task-store.ts';
import type { JsonObject } from '../../domain/json-value.ts';
import type {
  Task,
  TaskDefinition,
  TaskEvent,
  TaskFailure,
  TaskLife,
  TaskPriority,
  TaskState,
} from '../../domain/task.ts';

/** The columns of `tasks` and `finished_tasks`, in one order for every statement. */
export const TASK_COLUMNS = [
  'id',
  'project',
  'type',
  'state',
  'priority',
  'payload',
  'labels',
  'weight',
  'schedule_at',
  'run_at',
  'deadline_at',
  'attempt_timeout_ms',
  'max_attempts',
  'initial_backoff_ms',
  'max_backoff_ms',
  'attempt',
  'fence',
  'ended_fence',
  'lease_worker',
  'lease_ms',
  'lease_expires_at',
  'unique_key',
  'progress_percent',
  'progress_message',
  'result',
  'last_error_reason',
  'last_error_message',
  'schedule',
  'traceparent',
  'version',
  'created_at',
  'started_at',
  'ended_at',
] as const;

/** A row with {@link TASK_COLUMNS}. */
export interface TaskRow {
  readonly id: string;
  readonly project: string;
  readonly type: string;
  readonly state: TaskState;
  readonly priority: TaskPriority;
  readonly payload: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly weight: number;
  readonly schedule_at: Date | null;
  readonly run_at: Date;
  readonly deadline_at: Date | null;
  readonly attempt_timeout_ms: number;
  readonly max_attempts: number;
  readonly initial_backoff_ms: number;
  readonly max_backoff_ms: number;
  readonly attempt: number;
  readonly fence: bigint;
  readonly ended_fence: bigint | null;
  readonly lease_worker: string | null;
  readonly lease_ms: number | null;
  readonly lease_expires_at: Date | null;
  readonly unique_key: string | null;
  readonly progress_percent: number;
  readonly progress_message: string;
  readonly result: JsonObject | null;
  readonly last_error_reason: string | null;
  readonly last_error_message: string | null;
  readonly schedule: string | null;
  readonly traceparent: string | null;
  readonly version: number;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
}

/** A task's definition as the detail of its first event: the columns that never change, by their names. */
export type StoredDefinition = Pick<
  TaskRow,
  | 'type'
  | 'priority'
  | 'payload'
  | 'labels'
  | 'attempt_timeout_ms'
  | 'max_attempts'
  | 'initial_backoff_ms'
  | 'max_backoff_ms'
  | 'unique_key'
  | 'schedule'
  | 'traceparent'
> & {
  /** RFC 3339. */
  readonly schedule_at: string | null;
  /** RFC 3339. */
  readonly deadline_at: string | null;
};

/** A row of `task_events`. */
export interface TaskEventRow {
  readonly sequence: number;
  readonly state: TaskState;
  readonly at: Date;
  readonly attempt: number;
  readonly fence: bigint;
  readonly worker: string | null;
  readonly error_reason: string | null;
  readonly error_message: string | null;
  readonly detail: StoredDefinition | { readonly result: JsonObject } | { readonly run_at: string } | null;
}

/** What an answer with a task takes beside its payload, labels and result, in bytes, more or less. */
const BASE_WEIGHT = 256;

/** See the column `weight`. */
export function weightOf({ payload, labels }: TaskDefinition, result?: JsonObject): number {
  const texts = [payload, labels, ...(result === undefined ? [] : [result])].map((value) => JSON.stringify(value));
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), BASE_WEIGHT);
}

/** A row as the task that it is. */
export function taskFromRow(row: TaskRow): Task {
  return {
    id: row.id,
    project: row.project,
    definition: definitionFromColumns(row),
    life: lifeFromRow(row),
    progress: { percent: row.progress_percent, message: row.progress_message },
  };
}

/** A row of a live task, locked. */
export function lockedTaskFromRow(row: TaskRow): LockedTask {
  return { ...taskFromRow(row), leaseExpiresAt: row.lease_expires_at ?? undefined };
}

/** A definition as it is stored with the first event. */
export function storedDefinition(definition: TaskDefinition): StoredDefinition {
  const { retry } = definition;
  return {
    type: definition.type,
    priority: definition.priority,
    payload: definition.payload,
    labels: definition.labels,
    schedule_at: definition.scheduleAt?.toISOString() ?? null,
    deadline_at: definition.deadlineAt?.toISOString() ?? null,
    attempt_timeout_ms: definition.attemptTimeoutMs,
    max_attempts: retry.maxAttempts,
    initial_backoff_ms: retry.initialBackoffMs,
    max_backoff_ms: retry.maxBackoffMs,
    unique_key: definition.uniqueKey ?? null,
    schedule: definition.schedule ?? null,
    traceparent: definition.traceparent ?? null,
  };
}

/** A row of the history as the event that it is. */
export function eventFromRow(row: TaskEventRow): TaskEvent {
  const base = { sequence: row.sequence, at: row.at, attempt: row.attempt, fence: row.fence };
  const worker = row.worker ?? undefined;
  const error = failureFrom(row.error_reason, row.error_message) ?? { reason: '', message: '' };
  const { detail } = row;
  switch (row.state) {
    case 'scheduled':
    case 'pending':
      return { ...base, state: row.state, definition: definitionFromDetail(detail) };
    case 'running':
      return { ...base, state: row.state, worker: row.worker ?? '' };
    case 'completed':
      return { ...base, state: row.state, worker, result: detail !== null && 'result' in detail ? detail.result : {} };
    case 'retrying': {
      const runAt = detail !== null && 'run_at' in detail ? new Date(detail.run_at) : row.at;
      return { ...base, state: row.state, worker, error, runAt };
    }
    case 'failed':
    case 'dead':
    case 'cancelled':
      return { ...base, state: row.state, worker, error };
  }
}

/** An event as a record for json_to_recordset, with the names of `task_events`. */
export function eventRecord({
  before,
  event,
}: Pick<TaskChange, 'event'> & { readonly before: { readonly id: string } }) {
  const error = 'error' in event ? event.error : undefined;
  return {
    task_id: before.id,
    sequence: event.sequence,
    state: event.state,
    at: event.at,
    attempt: event.attempt,
    fence: event.fence.toString(),
    worker: ('worker' in event ? event.worker : undefined) ?? null,
    error_reason: error?.reason ?? null,
    error_message: error?.message ?? null,
    detail: eventDetail(event),
  };
}

/** What a transition changes, as a record for json_to_recordset, with the names of `tasks`. */
export function changeRecord({ before, after }: TaskChange) {
  return {
    id: before.id,
    state: after.state,
    run_at: after.runAt,
    fence: after.fence.toString(),
    ended_fence: after.endedFence?.toString() ?? null,
    last_error_reason: after.lastError?.reason ?? null,
    last_error_message: after.lastError?.message ?? null,
    result: after.result ?? null,
    weight: weightOf(before.definition, after.result),
    version: after.version,
    ended_at: after.endedAt ?? null,
  };
}

function eventDetail(event: TaskEvent): object | null {
  if ('definition' in event) return storedDefinition(event.definition);
  if (event.state === 'completed') return { result: event.result };
  if (event.state === 'retrying') return { run_at: event.runAt };
  return null;
}

function lifeFromRow(row: TaskRow): TaskLife {
  return {
    state: row.state,
    runAt: row.run_at,
    attempt: row.attempt,
    fence: row.fence,
    endedFence: row.ended_fence ?? undefined,
    worker: row.lease_worker ?? undefined,
    lastError: failureFrom(row.last_error_reason, row.last_error_message),
    result: row.result ?? undefined,
    version: row.version,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    endedAt: row.ended_at ?? undefined,
  };
}

function definitionFromDetail(detail: TaskEventRow['detail']): TaskDefinition {
  if (detail === null || !('type' in detail)) throw new TypeError('The first event of a task carries its definition.');
  return definitionFromColumns({
    ...detail,
    schedule_at: detail.schedule_at === null ? null : new Date(detail.schedule_at),
    deadline_at: detail.deadline_at === null ? null : new Date(detail.deadline_at),
  });
}

function definitionFromColumns(row: Pick<TaskRow, keyof StoredDefinition>): TaskDefinition {
  return {
    type: row.type,
    priority: row.priority,
    payload: row.payload,
    labels: row.labels,
    scheduleAt: row.schedule_at ?? undefined,
    deadlineAt: row.deadline_at ?? undefined,
    attemptTimeoutMs: row.attempt_timeout_ms,
    retry: {
      maxAttempts: row.max_attempts,
      initialBackoffMs: row.initial_backoff_ms,
      maxBackoffMs: row.max_backoff_ms,
    },
    uniqueKey: row.unique_key ?? undefined,
    schedule: row.schedule ?? undefined,
    traceparent: row.traceparent ?? undefined,
  };
}

function failureFrom(reason: string | null, message: string | null): TaskFailure | undefined {
  return reason === null ? undefined : { reason, message: message ?? '' };
}
