/** What an iteration of a loop found: more to do at once, or nothing for now. */
export type LoopOutcome = 'again' | 'idle';

/** Told what loops do; metrics and logs are made of it. MUST NOT throw. */
export interface LoopObserver {
  /** An iteration ended after `ms` milliseconds. Not called for one that was cut short by a stop. */
  iteration(name: string, outcome: LoopOutcome | 'error', ms: number): void;
  /** The iteration just reported as `error` failed with this. */
  failure(name: string, error: unknown): void;
}
