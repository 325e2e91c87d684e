import type { JsonObject } from '@bufbuild/protobuf';
import { type Duration, durationMs } from '@bufbuild/protobuf/wkt';
import type { LeasedTask, Task } from '@cert-tasks/contracts/task/v1';
import type { Logger } from '@cert-tasks/telemetry';
import { TaskAbort } from './task-abort.ts';
import type { TaskContext, TaskHandler, TaskProgress } from './task-handler.ts';

const EFFECT_NAME = /^[a-z0-9._-]{1,63}$/;

/** The longest delay that a Node.js timer holds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How a handler ended. */
export type HandlerOutcome =
  | { readonly kind: 'done'; readonly result: JsonObject | undefined }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Options of {@link RunningTask}. */
export interface RunningTaskOptions {
  readonly leased: LeasedTask;
  readonly task: Task;
  /** How long a lease lasts without a heartbeat. */
  readonly leaseMs: number;
  /** From when on the lease counts, on the monotonic clock: no later than the scheduler's own reckoning. */
  readonly leasedAtMs: number;
  readonly log: Logger;
}

/**
 * One task in this worker's hands, from its lease to its report.
 *
 * The worker trusts a lease for as long as it must last by the worker's own monotonic clock, counted from before the call
 * that gave or prolonged it. When that time passes without a word, the scheduler may have given the task to another: the
 * handler is aborted, and nothing is reported.
 */
export class RunningTask implements TaskContext {
  readonly leased: LeasedTask;
  readonly task: Task;
  readonly log: Logger;
  readonly #leaseMs: number;
  readonly #controller = new AbortController();
  #leaseEndsMs: number;
  #leaseTimer: NodeJS.Timeout | undefined;
  #attemptTimer: NodeJS.Timeout | undefined;
  #progress: TaskProgress = { percent: 0 };

  constructor({ leased, task, leaseMs, leasedAtMs, log }: RunningTaskOptions) {
    this.leased = leased;
    this.task = task;
    this.log = log.child({ task: task.name, type: task.type, attempt: task.attempt });
    this.#leaseMs = leaseMs;
    this.#leaseEndsMs = leasedAtMs + leaseMs;
    this.#watchLease();
    this.#startAttemptTimer(task.attemptTimeout);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the next heartbeat says. */
  get progress(): TaskProgress {
    return this.#progress;
  }

  /** Milliseconds that the lease lasts by our own clock. */
  get leaseLeftMs(): number {
    return this.#leaseEndsMs - performance.now();
  }

  /** Whether a report can still count. */
  get isHeld(): boolean {
    const reason: unknown = this.signal.reason;
    const isLost = reason instanceof TaskAbort && (reason.code === 'lease-lost' || reason.code === 'cancelled');
    return !isLost;
  }

  heartbeat({ percent, message }: TaskProgress): void {
    const bounded = Math.round(Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0)));
    this.#progress = { percent: bounded, ...(message !== undefined && { message: message.slice(0, 256) }) };
  }

  effectKey(name: string): string {
    if (!EFFECT_NAME.test(name)) throw new TypeError('The name of an effect is 1 to 63 of a-z, 0-9, ".", "_" and "-".');
    const uid = this.task.name.slice(this.task.name.lastIndexOf('/') + 1);
    return `${uid}/${name}`;
  }

  /** A heartbeat sent at that time was answered: the lease lasts from then on. */
  prolonged(sentAtMs: number): void {
    this.#leaseEndsMs = Math.max(this.#leaseEndsMs, sentAtMs + this.#leaseMs);
  }

  abort(reason: TaskAbort): void {
    this.#controller.abort(reason);
  }

  /** Runs the handler. Never rejects. */
  async run(handler: TaskHandler): Promise<HandlerOutcome> {
    try {
      return { kind: 'done', result: await handler(this.leased, this) };
    } catch (error) {
      return { kind: 'failed', error };
    } finally {
      clearTimeout(this.#attemptTimer);
    }
  }

  /** The task is reported or given up: nothing watches over it any more. */
  close(): void {
    clearTimeout(this.#leaseTimer);
    clearTimeout(this.#attemptTimer);
  }

  #watchLease(): void {
    const leftMs = this.leaseLeftMs;
    if (leftMs <= 0) {
      this.abort(new TaskAbort('lease-lost', 'No heartbeat came through for as long as the lease lasts.'));
      return;
    }
    this.#leaseTimer = setTimeout(() => this.#watchLease(), leftMs);
  }

  #startAttemptTimer(timeout: Duration | undefined): void {
    if (timeout === undefined) return;
    const ms = durationMs(timeout);
    this.#attemptTimer = setTimeout(
      () => this.abort(new TaskAbort('attempt-timeout', `The attempt did not end within ${ms} ms.`)),
      Math.min(Math.max(0, ms), MAX_TIMER_MS),
    );
  }
}
