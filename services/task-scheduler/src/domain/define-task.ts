import { invalidArgument } from './errors.ts';
import { checkJson, type JsonObject } from './json-value.ts';
import type { RetryPolicy, TaskDefinition, TaskPriority } from './task.ts';
import { identifyingText } from './text.ts';

const DAY_MS = 86_400_000;

/** How far ahead a schedule time may lie. */
export const MAX_SCHEDULE_AHEAD_MS = 366 * DAY_MS;

/** The timeout of an attempt where none is given. */
export const DEFAULT_ATTEMPT_TIMEOUT_MS = 300_000;

const MAX_ATTEMPTS = 100;
const MAX_BACKOFF_MS = 7 * DAY_MS;
const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 5, initialBackoffMs: 1_000, maxBackoffMs: 600_000 };

/** A task as a caller wants it; undefined takes the default. */
export interface TaskRequest {
  /** 1 to 63 of [a-z0-9._-]; checked by the contract's own rule. */
  readonly type: string;
  readonly priority: TaskPriority;
  readonly payload: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly scheduleTime: Date | undefined;
  readonly deadlineTime: Date | undefined;
  readonly attemptTimeoutMs: number | undefined;
  readonly retryPolicy: Partial<{ readonly [K in keyof RetryPolicy]: RetryPolicy[K] | undefined }>;
  /** Empty: none. */
  readonly uniqueKey: string;
  readonly traceparent: string | undefined;
}

/**
 * Turns what a caller wants into a task's definition. A schedule time that has passed is taken as now.
 *
 * @throws SchedulerError `invalid-argument` with the field at fault: payload, labels, schedule_time, deadline_time,
 * retry_policy.*, unique_key.
 */
export function defineTask(request: TaskRequest, now: Date): TaskDefinition {
  checkJson({ value: request.payload, field: 'payload' });
  for (const value of Object.values(request.labels)) identifyingText({ value, field: 'labels' });
  const scheduleAt = scheduleTime(request.scheduleTime, now);
  return {
    type: request.type,
    priority: request.priority,
    payload: request.payload,
    labels: request.labels,
    scheduleAt,
    deadlineAt: deadline(request.deadlineTime, scheduleAt ?? now),
    attemptTimeoutMs: request.attemptTimeoutMs ?? DEFAULT_ATTEMPT_TIMEOUT_MS,
    retry: retryPolicy(request.retryPolicy),
    uniqueKey:
      request.uniqueKey === '' ? undefined : identifyingText({ value: request.uniqueKey, field: 'unique_key' }),
    schedule: undefined,
    traceparent: request.traceparent,
  };
}

/** The definition of a schedule's task: all that the schedule does not say is the default. */
export function defineScheduledTask(options: {
  readonly type: string;
  readonly payload: JsonObject;
  readonly schedule: string;
  readonly uniqueKey: string;
}): TaskDefinition {
  return {
    ...options,
    priority: 1,
    labels: {},
    scheduleAt: undefined,
    deadlineAt: undefined,
    attemptTimeoutMs: DEFAULT_ATTEMPT_TIMEOUT_MS,
    retry: DEFAULT_RETRY,
    traceparent: undefined,
  };
}

function scheduleTime(wanted: Date | undefined, now: Date): Date | undefined {
  if (wanted === undefined || wanted <= now) return undefined;
  if (wanted.getTime() - now.getTime() > MAX_SCHEDULE_AHEAD_MS) {
    throw invalidArgument({ field: 'schedule_time', message: 'The schedule_time lies more than 366 days ahead.' });
  }
  return wanted;
}

function deadline(wanted: Date | undefined, earliest: Date): Date | undefined {
  if (wanted !== undefined && wanted <= earliest) {
    throw invalidArgument({
      field: 'deadline_time',
      message: 'The deadline_time must be later than now and than the schedule_time.',
    });
  }
  return wanted;
}

function retryPolicy(wanted: TaskRequest['retryPolicy']): RetryPolicy {
  const maxAttempts =
    wanted.maxAttempts === undefined || wanted.maxAttempts === 0 ? DEFAULT_RETRY.maxAttempts : wanted.maxAttempts;
  if (maxAttempts < 1 || maxAttempts > MAX_ATTEMPTS) {
    throw invalidArgument({ field: 'retry_policy.max_attempts', message: `Give 1 to ${MAX_ATTEMPTS} attempts.` });
  }
  const initialBackoffMs =
    wanted.initialBackoffMs ?? Math.min(DEFAULT_RETRY.initialBackoffMs, wanted.maxBackoffMs ?? Infinity);
  checkBackoff(initialBackoffMs, 'retry_policy.initial_backoff');
  const maxBackoffMs = wanted.maxBackoffMs ?? Math.max(DEFAULT_RETRY.maxBackoffMs, initialBackoffMs);
  checkBackoff(maxBackoffMs, 'retry_policy.max_backoff');
  if (maxBackoffMs < initialBackoffMs) {
    throw invalidArgument({
      field: 'retry_policy.max_backoff',
      message: 'The max_backoff must not be shorter than the initial_backoff.',
    });
  }
  return { maxAttempts, initialBackoffMs, maxBackoffMs };
}

function checkBackoff(ms: number, field: string): void {
  if (ms < 1 || ms > MAX_BACKOFF_MS) throw invalidArgument({ field, message: 'A backoff lasts 1 ms to 7 days.' });
}
