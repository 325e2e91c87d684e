import { sleep } from '@cert-tasks/kernel';

const POLL_MS = 10;
const DEFAULT_TIMEOUT_MS = 10_000;

/** How long to wait, and for what. */
export interface WaitForOptions {
  /** 10 s by default. */
  readonly timeoutMs?: number;
  /** Named in the error. */
  readonly what: string;
}

/**
 * Waits until the condition gives something other than undefined or false, and returns it.
 *
 * @throws Error (as rejection) after the timeout, with the condition's last error as cause.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs = DEFAULT_TIMEOUT_MS, what }: WaitForOptions,
): Promise<Exclude<T, undefined | false>> {
  const giveUpAt = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      cause = undefined;
      const value = await condition();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
    } catch (error) {
      cause = error;
    }
    await sleep(POLL_MS);
  } while (performance.now() < giveUpAt);
  throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.`, { cause });
}
