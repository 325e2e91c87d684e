/** How many calls of one key are let through. */
export interface RateLimit {
  /** Calls a second that are let through for ever. */
  readonly perSecond: number;
  /** Calls that may come at once after a quiet time. At least 1. */
  readonly burst: number;
}

interface Bucket {
  tokens: number;
  refilledAtMs: number;
}

/**
 * One token bucket for each key, in bounded memory.
 *
 * Where more keys are seen than there is room for, the one that was used longest ago is forgotten: it starts again with a
 * full bucket, which errs on the side of letting calls through.
 */
export class TokenBuckets {
  readonly #limit: RateLimit;
  readonly #maxKeys: number;
  /** In order of last use, oldest first. */
  readonly #buckets = new Map<string, Bucket>();

  /** @throws RangeError when the limit would let nothing through. */
  constructor({ limit, maxKeys }: { limit: RateLimit; maxKeys: number }) {
    if (!(limit.perSecond > 0 && limit.burst >= 1)) {
      throw new RangeError('A rate limit lets at least one call through: perSecond above 0, burst at least 1.');
    }
    this.#limit = limit;
    this.#maxKeys = maxKeys;
  }

  /** Takes one token. Answers 0 when there was one, else the milliseconds until there will be. `nowMs` is monotonic. */
  take(key: string, nowMs: number): number {
    const bucket = this.#refilled(key, nowMs);
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - bucket.tokens) / this.#limit.perSecond) * 1_000);
  }

  #refilled(key: string, nowMs: number): Bucket {
    const known = this.#buckets.get(key);
    const bucket = known ?? { tokens: this.#limit.burst, refilledAtMs: nowMs };
    if (known !== undefined) {
      const gained = ((nowMs - known.refilledAtMs) / 1_000) * this.#limit.perSecond;
      known.tokens = Math.min(this.#limit.burst, known.tokens + gained);
      known.refilledAtMs = nowMs;
      this.#buckets.delete(key);
    } else if (this.#buckets.size >= this.#maxKeys) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
