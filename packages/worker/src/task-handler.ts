import type { JsonObject } from '@bufbuild/protobuf';
import type { LeasedTask } from '@cert-tasks/contracts/task/v1';
import type { Logger } from '@cert-tasks/telemetry';

/** How far a task has come. */
export interface TaskProgress {
  /** 0 to 100; what lies outside counts as the nearer end. */
  readonly percent: number;
  /** In words, at most 256 characters; no secrets. */
  readonly message?: string;
}

/** What a handler is given beside its task. */
export interface TaskContext {
  /** Aborts when the work is to stop; its reason is a TaskAbort. */
  readonly signal: AbortSignal;
  /** Says how far it has come. The lease is prolonged by itself, whether this is called or not. */
  heartbeat(progress: TaskProgress): void;
  /**
   * A key for one effect of the task on another system, the same at every attempt: as the request id of a call it makes
   * that call act once, however often the handler runs.
   *
   * @throws TypeError when the name is not 1 to 63 of `a-z`, `0-9`, `.`, `_` and `-`.
   */
  effectKey(name: string): string;
  /** Carries the task's name and attempt. */
  readonly log: Logger;
}

/**
 * Does the tasks of one type. It may run again after a crash or a lost lease, also while an earlier attempt still runs
 * somewhere: its effects MUST be such that repeating them changes nothing (see {@link TaskContext.effectKey}).
 *
 * The answer becomes the task's result, at most 64 KiB as JSON. To fail, throw a TaskFailure; any other error is an attempt
 * that failed and may be tried again.
 */
export type TaskHandler = (task: LeasedTask, ctx: TaskContext) => Promise<JsonObject | undefined>;
