/**
 * Something that runs until it is stopped: a listener, a pool, a loop, or a group of them.
 *
 * - `start` and `stop` are idempotent: calling one again while it runs, or after, joins or repeats the same answer.
 * - A `start` that rejects MUST leave nothing behind (no port, timer, connection or file).
 * - `stop` is safe when `start` was never called or has failed. Called while `start` runs, it MUST bring the service to
 *   a halt all the same; `start` may then resolve or reject.
 * - Stopping means: take no new work, end or hand back what was taken, release everything, then resolve.
 */
export interface Service {
  /** Named in logs and errors. */
  readonly name: string;
  /** Resolves when the service does its work. */
  start(): Promise<void>;
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}
