import { inspect } from 'node:util';

const MASK = '***';

/**
 * Bytes that must not be seen: a private key on its way between two forms, a data key, a key-encryption key.
 *
 * Printed, put in a template, turned into JSON, inspected or logged, it shows as `***`. It owns its bytes: wipe it when
 * they have served. Wiping is as good as the runtime lets it be; copies inside OpenSSL are wiped by OpenSSL.
 */
export class SecretBytes {
  readonly #bytes: Uint8Array;

  /** @param bytes Taken over, not copied: the caller keeps no reference. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How many bytes there are; not secret. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Hands the bytes to `use`, which MUST keep neither them nor a copy. */
  expose<T>(use: (bytes: Uint8Array) => T): T {
    return use(this.#bytes);
  }

  /** Overwrites the bytes with zeros. */
  wipe(): void {
    this.#bytes.fill(0);
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
