import { backoffDelay } from '@cert-tasks/kernel';
import type { LoopObserver, LoopOutcome } from './loop-observer.ts';
import type { Service } from './service.ts';

const DEFAULT_BACKOFF: LoopBackoff = { baseMs: 200, maxMs: 30_000 };

/** Intervals are stretched or shortened by up to this part, so that replicas do not run in step. */
const INTERVAL_JITTER = 0.1;

/** The longest interval whose jittered form a Node.js timer still holds. */
const MAX_INTERVAL_MS = Math.floor((2 ** 31 - 1) / (1 + INTERVAL_JITTER));

/** Ceilings of the pause after failed iterations: `baseMs` after the first, doubled with each, never above `maxMs`. */
export interface LoopBackoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Options of {@link Loop}. */
export interface LoopOptions {
  /** Constant of the code: it labels metrics. */
  readonly name: string;
  /** Milliseconds from an idle iteration to the next, give or take a tenth; 1 to about 22 days. */
  readonly intervalMs: number;
  /**
   * One iteration. `again`: there is more to do, run at once. `idle`: rest for the interval or until woken.
   *
   * The signal aborts when the loop is stopped: take no new work and return soon. Work that is under way may be
   * finished first; stop waits for it. MUST bound its own time, and MUST NOT wait for the loop's
   * own stop.
   */
  readonly run: (signal: AbortSignal) => Promise<LoopOutcome>;
  /** Reacts to a failed iteration (forget a cache, say); the observer has reported it. MUST NOT throw. */
  readonly onError?: (error: unknown) => void;
  /** 200 ms and 30 s by default. */
  readonly backoff?: LoopBackoff;
  /** Told of every iteration. MUST NOT throw. */
  readonly observer: LoopObserver;
  /** From 0 (included) to 1 (excluded); Math.random by default. */
  readonly random?: () => number;
}

/**
 * Runs one thing over and over: at once after `again`, after the interval or a wake after `idle`, after a growing,
 * jittered pause when it failed. Never two iterations at a time.
 *
 * A wake during an iteration is kept and makes the next one follow at once, since the iteration may have looked before
 * the news came. A wake during the pause after a failure does not shorten it: callers cannot hammer what is broken.
 */
export class Loop implements Service {
  readonly name: string;
  readonly #options: LoopOptions;
  #active: { readonly stopper: AbortController; readonly ended: Promise<void> } | undefined;
  #woken = false;
  #endRest: (() => void) | undefined;

  /** @throws RangeError when the interval is outside its range. */
  constructor(options: LoopOptions) {
    if (!(options.intervalMs >= 1 && options.intervalMs <= MAX_INTERVAL_MS)) {
      throw new RangeError(`Loop ${options.name}: intervalMs must be 1 to ${MAX_INTERVAL_MS}.`);
    }
    this.name = options.name;
    this.#options = options;
  }

  /** Begins the first iteration and resolves without waiting for it. A stopped loop can be started again. */
  async start(): Promise<void> {
    while (this.#active?.stopper.signal.aborted === true) await this.#active.ended;
    if (this.#active !== undefined) return;
    const stopper = new AbortController();
    // Not before `#active` is set: the first iteration may wake or stop this very loop.
    const ended = Promise.resolve()
      .then(() => this.#iterate(stopper.signal))
      .finally(() => {
        this.#active = undefined;
      });
    this.#active = { stopper, ended };
  }

  /** Begins no further iteration and resolves when the one that runs has ended. */
  async stop(): Promise<void> {
    this.#active?.stopper.abort();
    this.#endRest?.();
    await this.#active?.ended;
  }

  /** There may be something to do: run again without waiting for the interval. Cheap, and safe at any time. */
  wake(): void {
    this.#woken = true;
    this.#endRest?.();
  }

  async #iterate(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      this.#woken = false;
      const outcome = await this.#runOnce(signal);
      if (signal.aborted) return;
      if (outcome === 'error') {
        failures += 1;
        await this.#pauseAfterFailure(failures, signal);
      } else {
        failures = 0;
        if (outcome === 'again' || this.#woken) await turnOfTheEventLoop();
        else await this.#rest();
      }
    }
  }

  async #runOnce(signal: AbortSignal): Promise<LoopOutcome | 'error'> {
    const { observer, run, onError } = this.#options;
    const began = performance.now();
    let outcome: LoopOutcome;
    try {
      outcome = await run(signal);
    } catch (error) {
      if (signal.aborted && isAbort(error, signal)) return 'idle';
      observer.iteration(this.name, 'error', performance.now() - began);
      observer.failure(this.name, error);
      onError?.(error);
      return 'error';
    }
    observer.iteration(this.name, outcome, performance.now() - began);
    return outcome;
  }

  #rest(): Promise<void> {
    const { intervalMs, random = Math.random } = this.#options;
    const jitter = 1 + (random() * 2 - 1) * INTERVAL_JITTER;
    return this.#waitUntilEnded(intervalMs * jitter);
  }

  async #pauseAfterFailure(attempt: number, signal: AbortSignal): Promise<void> {
    const { backoff = DEFAULT_BACKOFF, random = Math.random } = this.#options;
    const until = performance.now() + backoffDelay({ attempt, ...backoff, random });
    for (let left = until - performance.now(); left > 0 && !signal.aborted; left = until - performance.now()) {
      await this.#waitUntilEnded(left);
    }
    await turnOfTheEventLoop();
  }

  #waitUntilEnded(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#endRest = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#endRest = end;
    });
  }
}

/** Lets everything else have its turn: an iteration that never waits for I/O would starve the process. */
function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}
