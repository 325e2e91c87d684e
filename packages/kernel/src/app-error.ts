/** What an {@link AppError} may carry beside its code and message. All of it may reach a caller or a log: no secrets. */
export interface AppErrorOptions {
  /** Path of the input field at fault, as the caller named it (`certificate.not_after`). */
  readonly field?: string;
  /** What the reader does next, where the message has no room for it. */
  readonly advice?: string;
  /** Milliseconds after which the same call may succeed. Absent: repeating it unchanged does not help. */
  readonly retryAfterMs?: number;
  /** Short facts for the caller's error details, such as the name of the limit that was met. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The failure underneath. It is logged, and never sent to a caller. */
  readonly cause?: unknown;
}

/**
 * Base of every error that a module raises on purpose.
 *
 * A module has one subclass with a closed union of codes; the edge maps each code to a transport status in one
 * exhaustive table. Anything thrown that is no AppError is a defect and is shown to callers as an internal error.
 */
export abstract class AppError<Code extends string = string> extends Error {
  /** Kebab-case and stable: callers and tables match on it, never on the message. */
  readonly code: Code;
  /** See {@link AppErrorOptions.field}. */
  declare readonly field?: string;
  /** See {@link AppErrorOptions.advice}. */
  declare readonly advice?: string;
  /** See {@link AppErrorOptions.retryAfterMs}. */
  declare readonly retryAfterMs?: number;
  /** See {@link AppErrorOptions.metadata}. A frozen copy of what was given. */
  declare readonly metadata?: Readonly<Record<string, string>>;

  constructor(code: Code, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    // On the instance but not enumerable, as `message` is: loggers that copy enumerable keys do not repeat it.
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true, writable: true });
    this.code = code;
    if (options.field !== undefined) this.field = options.field;
    if (options.advice !== undefined) this.advice = options.advice;
    if (options.retryAfterMs !== undefined) this.retryAfterMs = options.retryAfterMs;
    if (options.metadata !== undefined) this.metadata = Object.freeze({ ...options.metadata });
  }
}
