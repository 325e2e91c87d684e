import { setImmediate } from 'node:timers';
import { AppError } from './app-error.ts';

/** Why a {@link Coalescer} did not answer with the item's own result. */
export type CoalescerErrorCode = 'overloaded' | 'closed' | 'bad-results';

/** Raised by {@link Coalescer}. On `overloaded` and `closed` the item was not taken and nothing was done for it. */
export class CoalescerError extends AppError<CoalescerErrorCode> {}

/** What `run` answers for one item of a batch. */
export type CoalescedResult<Result> =
  | { readonly ok: true; readonly value: Result }
  | { readonly ok: false; readonly error: unknown };

/** Options of {@link Coalescer}. Numbers are whole and at least 1. */
export interface CoalescerOptions<Item, Result> {
  /** Named in errors. */
  readonly name: string;
  /** Most items that one call of `run` gets. */
  readonly maxBatch: number;
  /** Most items that wait for a call of `run`; further ones are refused. */
  readonly maxQueued: number;
  /** Most calls of `run` at one time. Batches of one coalescer may finish in any order when it is above 1. */
  readonly maxInFlight: number;
  /**
   * Does the work of a batch. MUST resolve with one result per item, in the order of the items, and MUST bound its own
   * time: the coalescer has no deadline. When it rejects, every item of that batch (and of no other) is rejected with
   * that error.
   */
  readonly run: (items: Item[]) => Promise<CoalescedResult<Result>[]>;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (value: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Natural batching: many callers share one durable write, ledger entry or hop.
 *
 * Nothing waits for a clock. An item that finds a free slot starts at the end of the current turn of the event loop,
 * together with everything that arrived in the same turn; while all slots are busy the next batch gathers, and starts
 * the moment a slot is free. So batches are small when it is quiet and large under load.
 *
 * States of an item: waiting (in `#waiting`, counted against maxQueued) → running (in one batch) → answered, once.
 * Items start in the order of submission.
 */
export class Coalescer<Item, Result> {
  readonly #options: CoalescerOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #inFlight = 0;
  #startScheduled = false;
  #closing: PromiseWithResolvers<void> | undefined;

  /** @throws RangeError when a limit is not a whole number of at least 1. */
  constructor(options: CoalescerOptions<Item, Result>) {
    for (const limit of ['maxBatch', 'maxQueued', 'maxInFlight'] as const) {
      if (!Number.isSafeInteger(options[limit]) || options[limit] < 1) {
        throw new RangeError(`Coalescer ${options.name}: ${limit} must be a whole number of at least 1.`);
      }
    }
    this.#options = options;
  }

  /** Items that wait for a batch. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Batches that run now. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Answers with the item's own result, once its batch has run.
   *
   * @throws CoalescerError (as rejection) `overloaded` when maxQueued items wait already, `closed` after {@link close};
   * either way the item was not taken. `bad-results` when `run` broke its contract: what was done is not known.
   * @throws whatever `run` gave for this item, or rejected with.
   */
  submit(item: Item): Promise<Result> {
    if (this.#closing !== undefined) return Promise.reject(this.#closed());
    if (this.#waiting.length >= this.#options.maxQueued) return Promise.reject(this.#overloaded());
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#inFlight >= this.#options.maxInFlight) return;
      if (this.#waiting.length >= this.#options.maxBatch || this.#waiting.length >= this.#options.maxQueued) {
        this.#startBatch();
      } else if (!this.#startScheduled) {
        this.#startScheduled = true;
        setImmediate(this.#startGathered);
      }
    });
  }

  /** Refuses new items and resolves when every item taken has been answered. Safe to call again. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers<void>();
      this.#settleClose();
    }
    return this.#closing.promise;
  }

  readonly #startGathered = (): void => {
    this.#startScheduled = false;
    this.#fillSlots();
  };

  #fillSlots(): void {
    while (this.#waiting.length > 0 && this.#inFlight < this.#options.maxInFlight) this.#startBatch();
  }

  #startBatch(): void {
    const { maxBatch } = this.#options;
    let batch = this.#waiting;
    if (batch.length <= maxBatch) this.#waiting = [];
    else batch = this.#waiting.splice(0, maxBatch);
    this.#inFlight += 1;
    void this.#runBatch(batch);
  }

  async #runBatch(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(batch.map((waiting) => waiting.item));
      if (results.length !== batch.length) throw this.#badResults(batch.length, results.length);
      for (let i = 0; i < batch.length; i++) this.#answer(batch[i], results[i]);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
    this.#inFlight -= 1;
    this.#fillSlots();
    this.#settleClose();
  }

  #answer(waiting: Waiting<Item, Result> | undefined, result: CoalescedResult<Result> | undefined): void {
    if (result === undefined) waiting?.reject(this.#badResults(1, 0));
    else if (result.ok) waiting?.resolve(result.value);
    else waiting?.reject(result.error);
  }

  #settleClose(): void {
    if (this.#waiting.length === 0 && this.#inFlight === 0) this.#closing?.resolve();
  }

  #overloaded(): CoalescerError {
    const { name, maxQueued } = this.#options;
    return new CoalescerError('overloaded', `Too much is waiting for ${name} (${maxQueued}). Try again shortly.`, {
      retryAfterMs: 1_000,
      metadata: { queue: name },
    });
  }

  #closed(): CoalescerError {
    return new CoalescerError('closed', `${this.#options.name} is shutting down. Try again: another replica answers.`, {
      retryAfterMs: 1_000,
    });
  }

  #badResults(expected: number, got: number): CoalescerError {
    return new CoalescerError(
      'bad-results',
      `${this.#options.name} answered ${got} results for ${expected} items. This is a defect: please report it.`,
    );
  }
}
