import { SignerError } from '../../domain/errors.ts';

/** Options of {@link WorkGate}; whole numbers of at least 1. */
export interface WorkGateOptions {
  /** Named in errors: `signatures`, `new keys`. */
  readonly what: string;
  readonly maxRunning: number;
  readonly maxWaiting: number;
}

/**
 * Lets a bounded number of jobs run and a bounded number wait, first come first served. What goes to Node's thread pool goes
 * through one, so that slow keys never take all of its threads.
 */
export class WorkGate {
  readonly #options: WorkGateOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: WorkGateOptions) {
    this.#options = options;
  }

  /** @throws SignerError (as rejection) `overloaded` when too many wait: the job was not started. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await job();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    const { what, maxRunning, maxWaiting } = this.#options;
    if (this.#running < maxRunning) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= maxWaiting) {
      throw new SignerError('overloaded', `Too many ${what} are being made. Try again shortly.`, {
        retryAfterMs: 1_000,
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** The place goes from one to the next, so `#running` stays. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
