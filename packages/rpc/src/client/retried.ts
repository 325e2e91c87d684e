import { backoffDelay, sleep } from '@cert-tasks/kernel';
import { RpcError } from '../errors/rpc-error.ts';
import type { RpcCallOptions } from './rpc-client.ts';

const BACKOFF = { baseMs: 100, maxMs: 2_000 };
const MAX_ATTEMPTS = 10;

/**
 * Makes a call, and makes it again on UNAVAILABLE where the caller allows it, within one deadline for all attempts. A wait
 * that the other side asks for (RetryInfo) is honoured where it is longer than ours.
 */
export async function retried<T>(
  { retry, deadlineMs, signal }: RpcCallOptions & { readonly deadlineMs: number },
  attempt: (leftMs: number) => Promise<T>,
): Promise<T> {
  const endsAt = performance.now() + deadlineMs;
  const attempts = Math.min(retry?.attempts ?? 1, MAX_ATTEMPTS);
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt(endsAt - performance.now());
    } catch (error) {
      if (tried >= attempts || !(error instanceof RpcError) || error.rpcCode !== 'UNAVAILABLE') throw error;
      const pauseMs = Math.max(
        backoffDelay({ attempt: tried, ...BACKOFF, random: Math.random }),
        Math.min(error.retryAfterMs ?? 0, BACKOFF.maxMs),
      );
      if (performance.now() + pauseMs >= endsAt) throw error;
      // An abort during the pause ends the call with what is known: the other side was unavailable.
      await sleep(pauseMs, signal).catch(() => Promise.reject(error));
    }
  }
}
