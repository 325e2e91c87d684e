/** What a waiter can take. */
export interface Interest {
  /** Undefined: all projects. */
  readonly project: string | undefined;
  readonly types: readonly string[];
}

/** Tasks that became ready. */
export interface ReadyTasks {
  readonly project: string;
  readonly type: string;
  readonly count: number;
}

/** One caller that waits for tasks. */
export interface Listening {
  /**
   * Resolves when the bell has rung for this waiter since it began to listen, when `ms` have passed, or when the bell
   * is closed. Rejects with the signal's reason.
   */
  rung(options: { readonly ms: number; readonly signal: AbortSignal }): Promise<void>;
  /** Listens no more. A ring that it was given and did not act on passes to another waiter unless `acted`. */
  end(options: { readonly acted: boolean }): void;
}

interface Waiter {
  readonly interest: Interest;
  hasRung: boolean;
  wake: (() => void) | undefined;
}

/**
 * Wakes callers that wait for tasks, in the process in which tasks became ready.
 *
 * One ring wakes one waiter for one task, the one that has waited longest first: a hundred waiters do not run to the
 * table for one task. Who listens before looking at the table misses nothing that is committed while it looks.
 */
export class ReadyBell {
  readonly #waiters = new Set<Waiter>();
  #closed = false;

  /** Whether nobody is to wait any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Callers that wait now. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Begins to listen. The caller MUST end it. */
  listen(interest: Interest): Listening {
    const waiter: Waiter = { interest, hasRung: false, wake: undefined };
    this.#waiters.add(waiter);
    return {
      rung: (options) => this.#wait(waiter, options),
      end: ({ acted }) => {
        this.#waiters.delete(waiter);
        if (waiter.hasRung && !acted) this.passOn(waiter.interest);
      },
    };
  }

  /** Tasks are ready: wakes at most as many waiters as there are tasks. */
  ring(ready: readonly ReadyTasks[]): void {
    for (const { project, type, count } of ready) {
      let left = count;
      for (const waiter of this.#waiters) {
        if (left === 0) break;
        if (waiter.hasRung || !matches(waiter.interest, project, type)) continue;
        wake(waiter);
        left -= 1;
      }
    }
  }

  /** Something may be ready, nobody knows what: wakes one waiter for each project and type that is waited for. */
  ringForAny(): void {
    const covered = new Set<string>();
    for (const waiter of this.#waiters) {
      if (waiter.hasRung) continue;
      const keys = waiter.interest.types.map((type) => `${waiter.interest.project ?? '-'}/${type}`);
      if (keys.every((key) => covered.has(key))) continue;
      for (const key of keys) covered.add(key);
      wake(waiter);
    }
  }

  /** Lets every waiter go, now and from now on. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) wake(waiter);
  }

  /** There may be more for somebody with an interest like this one: wakes one such waiter. */
  passOn({ project, types }: Interest): void {
    for (const waiter of this.#waiters) {
      const { interest } = waiter;
      const meets = project === undefined || interest.project === undefined || interest.project === project;
      if (!waiter.hasRung && meets && types.some((type) => interest.types.includes(type))) {
        wake(waiter);
        return;
      }
    }
  }

  #wait(waiter: Waiter, { ms, signal }: { ms: number; signal: AbortSignal }): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (waiter.hasRung || this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (how: () => void): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
        waiter.wake = undefined;
        how();
      };
      const finish = (): void => settle(resolve);
      const abort = (): void => settle(() => reject(signal.reason));
      const timer = setTimeout(finish, ms);
      signal.addEventListener('abort', abort, { once: true });
      waiter.wake = finish;
    });
  }
}

function wake(waiter: Waiter): void {
  waiter.hasRung = true;
  waiter.wake?.();
}

function matches(interest: Interest, project: string, type: string): boolean {
  return (interest.project === undefined || interest.project === project) && interest.types.includes(type);
}
