/** The longest delay a Node.js timer holds; above it, setTimeout fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Resolves after `ms` milliseconds (0 to 2^31 - 1).
 *
 * With a signal it rejects with `signal.reason` as soon as the signal aborts, or at once if it has.
 *
 * @throws RangeError (as rejection) when `ms` is outside its range or not a number.
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (!(ms >= 0 && ms <= MAX_TIMER_MS)) throw new RangeError('A sleep lasts 0 to 2147483647 milliseconds.');
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', abort, { once: true });
    function finish(): void {
      signal?.removeEventListener('abort', abort);
      resolve();
    }
    function abort(): void {
      clearTimeout(timer);
      reject(signal?.reason);
    }
  });
}
