import { MerkleError } from './merkle-error.ts';

/** Bounds of {@link canonicalJson}. */
export type CanonicalJsonLimits = {
  /** Most arrays and objects within each other; 64 if left out. A plain string or number has depth 0. */
  readonly maxDepth?: number;
  /** Most UTF-16 units of output; 1,048,576 if left out. */
  readonly maxLength?: number;
};

const DEFAULT_MAX_DEPTH = 64;
const DEFAULT_MAX_LENGTH = 1_048_576;
const MAX_PATH_IN_ERROR = 100;

/**
 * Writes a value as canonical JSON (RFC 8785, JCS): the same data always gives the same text, so that it can be hashed.
 *
 * Strict, where JSON.stringify would drop or guess: only null, booleans, finite numbers, well-formed strings, arrays without
 * holes and plain objects are accepted; `undefined`, bigint, NaN, infinities, lone surrogates, symbols, functions, Date and
 * other class instances are refused, and `toJSON` is not called. Integers beyond 2^53 belong into strings (RFC 8785, section 6).
 *
 * @throws MerkleError `INVALID_JSON_VALUE`, naming where in the value.
 */
export function canonicalJson(value: unknown, limits: CanonicalJsonLimits = {}): string {
  const { maxDepth = DEFAULT_MAX_DEPTH, maxLength = DEFAULT_MAX_LENGTH } = limits;
  const writer = new JsonWriter({ maxDepth, maxLength });
  writer.write(value);
  return writer.text;
}

/** {@link canonicalJson} as bytes of UTF-8: what is hashed and stored. */
export function canonicalJsonBytes(value: unknown, limits: CanonicalJsonLimits = {}): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value, limits));
}

class JsonWriter {
  text = '';
  /** Keys and indices that lead to the value being written. */
  readonly #path: (string | number)[] = [];
  readonly #limits: Required<CanonicalJsonLimits>;

  constructor(limits: Required<CanonicalJsonLimits>) {
    this.#limits = limits;
  }

  write(value: unknown): void {
    if (value === null || typeof value === 'boolean') this.#put(String(value));
    else if (typeof value === 'number') this.#writeNumber(value);
    else if (typeof value === 'string') this.#writeString(value);
    else if (Array.isArray(value)) this.#writeArray(value);
    else if (isPlainObject(value)) this.#writeObject(value);
    else throw this.#refused(`a value of type ${typeof value} that JSON does not have`);
  }

  #writeNumber(value: number): void {
    if (!Number.isFinite(value)) throw this.#refused('a number that is not finite');
    // ECMAScript's own formatting is what RFC 8785, section 3.2.2.3 prescribes; minus zero becomes 0.
    this.#put(String(value));
  }

  #writeString(value: string): void {
    if (!value.isWellFormed()) throw this.#refused('a string with a lone surrogate');
    // Checked before quoting: that copies the string.
    this.#checkLength(value.length);
    this.#put(JSON.stringify(value));
  }

  #writeArray(values: readonly unknown[]): void {
    this.#checkDepth();
    this.#put('[');
    for (let i = 0; i < values.length; i++) {
      if (i > 0) this.#put(',');
      this.#writeAt(i, values[i]);
    }
    this.#put(']');
  }

  #writeObject(members: Readonly<Record<string, unknown>>): void {
    this.#checkDepth();
    this.#put('{');
    // Array.sort orders strings by UTF-16 units, as RFC 8785, section 3.2.3 demands.
    for (const [i, key] of Object.keys(members).sort().entries()) {
      if (i > 0) this.#put(',');
      this.#writeString(key);
      this.#put(':');
      this.#writeAt(key, members[key]);
    }
    this.#put('}');
  }

  #writeAt(step: string | number, value: unknown): void {
    this.#path.push(step);
    this.write(value);
    this.#path.pop();
  }

  /** The bound on depth also ends a value that contains itself. */
  #checkDepth(): void {
    if (this.#path.length >= this.#limits.maxDepth) {
      throw this.#refused(`more than ${this.#limits.maxDepth} arrays and objects within each other`);
    }
  }

  #put(piece: string): void {
    this.#checkLength(piece.length);
    this.text += piece;
  }

  #checkLength(more: number): void {
    if (this.text.length + more > this.#limits.maxLength) {
      throw new MerkleError(
        'INVALID_JSON_VALUE',
        `The canonical JSON would exceed ${this.#limits.maxLength} characters; log less or a digest.`,
      );
    }
  }

  #refused(what: string): MerkleError {
    const path = this.#path.join('/').slice(0, MAX_PATH_IN_ERROR).toWellFormed();
    return new MerkleError('INVALID_JSON_VALUE', `At /${path} is ${what}; canonical JSON cannot carry it.`);
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
