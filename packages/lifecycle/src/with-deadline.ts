/**
 * The promise's own outcome, or a rejection with `late()` when that takes longer than `deadlineMs`. The work behind the
 * promise goes on; a rejection that comes after the deadline is dropped.
 */
export async function withDeadline<T>(promise: Promise<T>, deadlineMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
