/**
 * Identity of a live process: its id and the moment it started. undefined when there is no such process; one that has
 * ended and only waits for its parent to notice counts as gone.
 */
export function processIdentity(pid: number): string | undefined;

/** The lock, held until `release` is called or this process ends; or the process that holds it. */
export type FileLock =
  | { readonly acquired: true; readonly release: () => void }
  | { readonly acquired: false; readonly holderPid: number };

/**
 * Tries to take the lock that the file `path` stands for. The lock of a process that no longer lives is taken over. Its
 * folder must exist. Not re-entrant: a process that holds the lock is refused it a second time.
 */
export function tryFileLock(path: string): Promise<FileLock>;
