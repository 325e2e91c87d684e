const DEFAULT_TIMEOUT_MS = 10_000;

/** Something that code under test reports and a test waits for, instead of sleeping. */
export interface TestSignal<T> {
  /** Reports a value. Values queue up until they are waited for. */
  emit(value: T): void;
  /** The next value in order. @throws Error (as rejection) after the timeout, 10 s by default. */
  next(timeoutMs?: number): Promise<T>;
  /** Values that nobody has waited for yet. */
  readonly pending: number;
}

/** Makes a signal; its name stands in errors. */
export function testSignal<T = void>(name: string): TestSignal<T> {
  const values: T[] = [];
  const waiters: ((value: T) => void)[] = [];
  return {
    emit(value) {
      const waiter = waiters.shift();
      if (waiter === undefined) values.push(value);
      else waiter(value);
    },
    next(timeoutMs = DEFAULT_TIMEOUT_MS) {
      if (values.length > 0) return Promise.resolve(values.shift() as T);
      return new Promise((resolve, reject) => {
        const waiter = (value: T): void => {
          clearTimeout(timer);
          resolve(value);
        };
        const timer = setTimeout(() => {
          waiters.splice(waiters.indexOf(waiter), 1);
          reject(new Error(`Waited ${timeoutMs} ms in vain for the signal ${name}.`));
        }, timeoutMs);
        waiters.push(waiter);
      });
    },
    get pending() {
      return values.length;
    },
  };
}
