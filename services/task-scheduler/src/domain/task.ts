import type { JsonObject } from './json-value.ts';

/** The states in which a task waits for a worker, or for its time. */
export const WAITING_STATES = ['scheduled', 'pending', 'retrying'] as const;

/** The states that a task does not leave. */
export const ENDED_STATES = ['completed', 'failed', 'cancelled', 'dead'] as const;

/** All states (docs/adr/0004). */
export const TASK_STATES = [...WAITING_STATES, 'running', ...ENDED_STATES] as const;

/** See {@link WAITING_STATES}. */
export type WaitingState = (typeof WAITING_STATES)[number];

/** See {@link ENDED_STATES}. */
export type EndedState = (typeof ENDED_STATES)[number];

/** Where a task is in its life. */
export type TaskState = (typeof TASK_STATES)[number];

/** Whether a task in this state has ended. */
export function isEnded(state: TaskState): state is EndedState {
  return ENDED_STATES.some((ended) => ended === state);
}

/** 0 low, 1 normal, 2 high, 3 critical: the greater is taken first. */
export type TaskPriority = 0 | 1 | 2 | 3;

/**
 * How failed attempts are tried again: after attempt n a random wait up to min(maxBackoffMs, initialBackoffMs *
 * 2^(n-1)).
 */
export interface RetryPolicy {
  /** The first attempt included; at least 1. */
  readonly maxAttempts: number;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
}

/** What bounds a task's attempts. */
export interface TaskLimits {
  readonly retry: RetryPolicy;
  /** How long one attempt may run, heartbeats or not. */
  readonly attemptTimeoutMs: number;
  /** Not after this time. */
  readonly deadlineAt: Date | undefined;
}

/** What a task is: given when it is created, never changed. */
export interface TaskDefinition extends TaskLimits {
  readonly type: string;
  readonly priority: TaskPriority;
  readonly payload: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  /** Not before this time; undefined: at once. */
  readonly scheduleAt: Date | undefined;
  /** While the task is not ended, no other of its project and type has this key. */
  readonly uniqueKey: string | undefined;
  /** Id of the schedule that made it, where one did. */
  readonly schedule: string | undefined;
  /** W3C trace context of the call that created it. */
  readonly traceparent: string | undefined;
}

/** Why an attempt ended badly. */
export interface TaskFailure {
  /** A word in capitals. */
  readonly reason: string;
  /** For a person. */
  readonly message: string;
}

/** How far a task has come in its life: the sum of its events, and nothing else. */
export interface TaskLife {
  readonly state: TaskState;
  /** A waiting task is not taken before this time. */
  readonly runAt: Date;
  /** Attempts begun. */
  readonly attempt: number;
  /** The token of the present lease; it only grows, and whoever holds a smaller one holds nothing. */
  readonly fence: bigint;
  /** The fence whose worker ended an attempt last: a repeat of that call is answered as the first time. */
  readonly endedFence: bigint | undefined;
  /** The worker that holds it or held it last. */
  readonly worker: string | undefined;
  readonly lastError: TaskFailure | undefined;
  readonly result: JsonObject | undefined;
  /** Events so far. */
  readonly version: number;
  readonly createdAt: Date;
  /** When the last attempt began. */
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

/** What a worker's signs of life say. No part of the history: each one replaces the last. */
export interface TaskProgress {
  /** 0 to 100. */
  readonly percent: number;
  readonly message: string;
}

/** Which task. */
export interface TaskRef {
  readonly project: string;
  /** A UUID of version 7 as lower-case text. */
  readonly id: string;
}

/** A task as it stands. */
export interface Task extends TaskRef {
  readonly definition: TaskDefinition;
  readonly life: TaskLife;
  readonly progress: TaskProgress;
}

/** A task in a worker's hands. */
export interface LeasedTask {
  readonly task: Task;
  /** When the lease ends without a heartbeat, by the database's clock. */
  readonly leaseExpiresAt: Date;
}

/** One transition: the state that the task came to, and what that brought. */
export type TaskEvent = TaskEventBase & TaskEventContent;

interface TaskEventBase {
  /** 1, 2, 3, ... within the task. */
  readonly sequence: number;
  /** By the database's clock, in whole milliseconds. */
  readonly at: Date;
  /** The attempt that it belongs to. */
  readonly attempt: number;
  /** The fence that holds from this event on. */
  readonly fence: bigint;
}

type TaskEventContent =
  | { readonly state: 'scheduled'; readonly definition: TaskDefinition }
  | { readonly state: 'pending'; readonly definition: TaskDefinition }
  | { readonly state: 'running'; readonly worker: string }
  | { readonly state: 'completed'; readonly worker: string | undefined; readonly result: JsonObject }
  | {
      readonly state: 'retrying';
      readonly worker: string | undefined;
      readonly error: TaskFailure;
      readonly runAt: Date;
    }
  | {
      readonly state: 'failed' | 'dead' | 'cancelled';
      readonly worker: string | undefined;
      readonly error: TaskFailure;
    };
