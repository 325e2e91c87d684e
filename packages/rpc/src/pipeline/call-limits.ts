import { CallError } from '../errors/call-error.ts';
import { type RateLimit, TokenBuckets } from './token-buckets.ts';

/** What one listener takes at most. */
export interface CallLimits {
  /** Calls under way at one time, long polls and streams apart. Default 1,024. */
  readonly maxInFlight?: number;
  /** Long polls and streams under way at one time. Default 1,024. */
  readonly maxWaiting?: number;
  /** Calls from one IP address. Off by default. */
  readonly perPeer?: RateLimit;
  /** Calls of one principal. Off by default. */
  readonly perPrincipal?: RateLimit;
  /** IP addresses and principals that are kept in mind for each of the rates. Default 10,000. */
  readonly maxTracked?: number;
}

/** The limits of a listener, by the names that metrics use. */
export type LimitName = 'peer_rate' | 'principal_rate' | 'in_flight' | 'waiting';

/** Options of {@link createCallLimiter}. */
export interface CallLimiterOptions {
  readonly limits: CallLimits;
  /** Told of every call that was refused. */
  readonly onLimit: (limit: LimitName) => void;
  /** Milliseconds that never run backwards. */
  readonly monotonicMs: () => number;
}

/** Bounds what is under way, and how often one caller may call. */
export interface CallLimiter {
  /** @throws CallError `rate-limited`. */
  takePeer(address: string): void;
  /** @throws CallError `rate-limited`. */
  takePrincipal(id: string): void;
  /**
   * Takes a slot and answers how to give it back, once.
   *
   * @throws CallError `too-many-calls`.
   */
  enter(isWaiting: boolean): () => void;
}

/** Calls refused for want of a slot are told to come back after this long; clients add their own jitter. */
const SLOT_RETRY_MS = 500;

/** See {@link CallLimiter}. */
export function createCallLimiter({ limits, onLimit, monotonicMs }: CallLimiterOptions): CallLimiter {
  const { maxInFlight = 1_024, maxWaiting = 1_024, perPeer, perPrincipal, maxTracked = 10_000 } = limits;
  const peers = perPeer && new TokenBuckets({ limit: perPeer, maxKeys: maxTracked });
  const principals = perPrincipal && new TokenBuckets({ limit: perPrincipal, maxKeys: maxTracked });
  const used = { in_flight: 0, waiting: 0 };

  const take = (buckets: TokenBuckets | undefined, { key, limit }: { key: string; limit: LimitName }): void => {
    const waitMs = buckets?.take(key, monotonicMs()) ?? 0;
    if (waitMs === 0) return;
    onLimit(limit);
    throw new CallError('rate-limited', 'Too many calls from this caller. Slow down and try again.', {
      retryAfterMs: waitMs,
      metadata: { limit },
    });
  };
  return {
    takePeer: (address) => take(peers, { key: address, limit: 'peer_rate' }),
    takePrincipal: (id) => take(principals, { key: id, limit: 'principal_rate' }),
    enter(isWaiting) {
      const limit = isWaiting ? 'waiting' : 'in_flight';
      if (used[limit] >= (isWaiting ? maxWaiting : maxInFlight)) {
        onLimit(limit);
        throw new CallError(
          'too-many-calls',
          'The service has as many calls under way as it takes. Try again shortly.',
          {
            retryAfterMs: SLOT_RETRY_MS,
            metadata: { limit },
          },
        );
      }
      used[limit] += 1;
      let entered = true;
      return () => {
        if (entered) used[limit] -= 1;
        entered = false;
      };
    },
  };
}
