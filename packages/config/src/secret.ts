import { inspect } from 'node:util';

const MASK = '***';

/**
 * A value that must not be seen: a password, a token, a URL with credentials.
 *
 * Printed, put in a template, turned into JSON, inspected or logged, it shows as `***`.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it where the value is used, and keep nothing of it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return MASK;
  }

  toJSON(): string {
    return MASK;
  }

  [inspect.custom](): string {
    return MASK;
  }
}
