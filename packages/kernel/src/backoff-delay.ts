/** Input of {@link backoffDelay}. */
export interface BackoffInput {
  /** Failures so far, from 1. */
  readonly attempt: number;
  /** Ceiling of the delay after the first failure, in milliseconds. It doubles with every further one. */
  readonly baseMs: number;
  /** Ceiling that is never passed, in milliseconds. */
  readonly maxMs: number;
  /** Gives a number from 0 (included) to 1 (excluded), as Math.random does. */
  readonly random: () => number;
}

/**
 * How many whole milliseconds to wait before the next try: exponential with full jitter, so anything from 0 up to the
 * ceiling. Callers that failed together then do not come back together.
 */
export function backoffDelay({ attempt, baseMs, maxMs, random }: BackoffInput): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt - 1));
  return Math.floor(random() * ceiling);
}
