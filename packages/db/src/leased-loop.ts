import { Loop, type LoopBackoff, type LoopObserver, type LoopOutcome, type Service } from '@cert-tasks/lifecycle';
import { DbError } from './db-error.ts';
import type { Lease } from './lease.ts';
import type { LeaseHolder } from './lease-holder.ts';

/** The lease is renewed when this part of its time is over. */
const RENEW_PART = 1 / 3;
/** A renewal that failed is tried again after this part. */
const RETRY_PART = 1 / 12;
/** The run ends when this part is over without a renewal: before the lease does, whatever the clocks' rates. */
const GIVE_UP_PART = 0.8;
/** A follower asks for the lease this often. */
const MAX_ACQUIRE_INTERVAL_MS = 1_000;

/** What an iteration is given. */
export interface LeasedRun {
  /** Aborts when the loop is stopped, and when the lease is lost. */
  readonly signal: AbortSignal;
  /** To be asserted ({@link assertLease}) in every transaction that only the leader may commit. */
  readonly lease: Lease;
}

/** Options of {@link LeasedLoop}: those of a Loop, but for `run`. */
export interface LeasedLoopOptions {
  readonly name: string;
  readonly holder: LeaseHolder;
  /** Milliseconds from an idle iteration to the next, give or take a tenth. */
  readonly intervalMs: number;
  /** One iteration, run only while the lease is held. See `Loop`. */
  readonly run: (run: LeasedRun) => Promise<LoopOutcome>;
  readonly onError?: (error: unknown) => void;
  readonly backoff?: LoopBackoff;
  readonly observer: LoopObserver;
}

/**
 * A loop that runs in one process of all that have it: the one that holds the lease.
 *
 * States: following (asks for the lease each second or third of its time) → leading (runs; renews the lease at a third of
 * its time, in the background) → following, when a renewal is refused, or when none succeeds before four fifths of the
 * time are over by this process's monotonic clock. The signal of a run aborts at that moment. Should a process be so slow
 * that it does not notice, its fence keeps its transactions from committing.
 */
export class LeasedLoop implements Service {
  readonly name: string;
  readonly #options: LeasedLoopOptions;
  readonly #loop: Loop;
  #leadership: Leadership | undefined;
  #nextAcquireAt = 0;

  constructor(options: LeasedLoopOptions) {
    this.name = options.name;
    this.#options = options;
    this.#loop = new Loop({
      name: options.name,
      intervalMs: options.intervalMs,
      observer: options.observer,
      run: (signal) => this.#iterate(signal),
      ...(options.onError === undefined ? {} : { onError: options.onError }),
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    });
  }

  /** The lease while this process leads. It may be lost at any time: only {@link assertLease} knows. */
  get lease(): Lease | undefined {
    return this.#leadership?.signal.aborted === false ? this.#leadership.lease : undefined;
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  /** Ends the run and gives the lease back. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    const leadership = this.#leadership;
    this.#leadership = undefined;
    this.#nextAcquireAt = 0;
    await leadership?.end();
  }

  /** See `Loop`. */
  wake(): void {
    this.#loop.wake();
  }

  async #iterate(stopping: AbortSignal): Promise<LoopOutcome> {
    const leadership = await this.#lead();
    if (leadership === undefined) return 'idle';
    const signal = AbortSignal.any([stopping, leadership.signal]);
    return await this.#options.run({ signal, lease: leadership.lease });
  }

  async #lead(): Promise<Leadership | undefined> {
    if (this.#leadership?.signal.aborted === false) return this.#leadership;
    this.#leadership = undefined;
    const { holder } = this.#options;
    const askedAt = performance.now();
    if (askedAt < this.#nextAcquireAt) return undefined;
    const lease = await holder.acquire();
    if (lease === undefined) {
      this.#nextAcquireAt = performance.now() + Math.min(holder.ttlMs * RENEW_PART, MAX_ACQUIRE_INTERVAL_MS);
      return undefined;
    }
    this.#leadership = new Leadership({ holder, lease, askedAt });
    return this.#leadership;
  }
}

/** One time of leading, from taking the lease to losing it or giving it back. */
class Leadership {
  readonly #holder: LeaseHolder;
  readonly #lost = new AbortController();
  #lease: Lease;
  #renewTimer: NodeJS.Timeout | undefined;
  #giveUpTimer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;

  constructor({ holder, lease, askedAt }: { holder: LeaseHolder; lease: Lease; askedAt: number }) {
    this.#holder = holder;
    this.#lease = lease;
    this.#held(lease, askedAt);
  }

  get lease(): Lease {
    return this.#lease;
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Renews no more and gives the lease back; that it could not be given back is no matter, for it expires. */
  async end(): Promise<void> {
    const held = !this.#lost.signal.aborted;
    this.#lose('it was given back');
    await this.#renewing;
    if (held) await this.#holder.release(this.#lease).catch(() => undefined);
  }

  /** @param askedAt when the database was asked: its own time of expiry counts from a later moment. */
  #held(lease: Lease, askedAt: number): void {
    this.#lease = lease;
    clearTimeout(this.#giveUpTimer);
    const left = askedAt + this.#holder.ttlMs * GIVE_UP_PART - performance.now();
    this.#giveUpTimer = setTimeout(() => this.#lose('it was not renewed in time'), Math.max(0, left));
    this.#renewAfter(this.#holder.ttlMs * RENEW_PART);
  }

  #renewAfter(ms: number): void {
    this.#renewTimer = setTimeout(() => {
      this.#renewing = this.#renew();
    }, ms);
  }

  async #renew(): Promise<void> {
    const askedAt = performance.now();
    let renewed: Lease | undefined;
    try {
      renewed = await this.#holder.renew(this.#lease);
    } catch {
      // The database may be back before the time is over; the timer ends it otherwise, and the run meets the error itself.
      if (!this.#lost.signal.aborted) this.#renewAfter(this.#holder.ttlMs * RETRY_PART);
      return;
    }
    if (this.#lost.signal.aborted) return;
    if (renewed === undefined) this.#lose('another process holds it');
    else this.#held(renewed, askedAt);
  }

  #lose(reason: string): void {
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#giveUpTimer);
    this.#lost.abort(new DbError('lease-lost', `The lease ${this.#holder.name} is not held any more: ${reason}.`));
  }
}
