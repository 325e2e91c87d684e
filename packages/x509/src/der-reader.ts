import { TAG } from './der-tag.ts';
import { parseTimeOctets } from './der-time.ts';
import { toHex } from './octets.ts';
import { decodeOid } from './oid-codec.ts';
import { X509Error, type X509ErrorCode } from './x509-error.ts';

/** Bounds on one input. Every reader entered from the first one shares them. */
export interface DerLimits {
  /** Largest input in octets. */
  readonly maxBytes: number;
  /** Deepest nesting of constructed elements. */
  readonly maxDepth: number;
  /** Most elements read from one input. */
  readonly maxElements: number;
}

/** 1 MiB, 24 levels, 100,000 elements: far above any certificate. CRLs bring their own limits. */
export const DEFAULT_DER_LIMITS: DerLimits = { maxBytes: 1_048_576, maxDepth: 24, maxElements: 100_000 };

/** How a reader is opened. */
export interface DerReaderOptions {
  readonly limits?: DerLimits;
  /** Offset of the first octet in the outermost input, for error messages. 0 where the bytes are the input. */
  readonly baseOffset?: number;
  /** Field path that errors begin with. */
  readonly path?: string;
}

interface Budget {
  elements: number;
  readonly maxDepth: number;
}

/**
 * A strict DER cursor (X.690 section 10 and 11) over bytes that may be hostile. It copies nothing: contents are views of
 * the input. Refused everywhere: indefinite and non-minimal lengths, lengths past the enclosing element, tag numbers
 * above 30, non-minimal integers, BOOLEAN other than 00 and FF, BIT STRING padding that is not zero, trailing bytes.
 */
export class DerReader {
  readonly bytes: Uint8Array;
  /** Field path named by errors; parsers move it as they go. */
  path: string;
  /** Position in `bytes` of the last read element's identifier octet. */
  elementStart = 0;
  /** Position in `bytes` of the last read element's first content octet. */
  valueStart = 0;
  /** True once `readTime` read a GeneralizedTime before 2050. */
  sawEarlyGeneralizedTime = false;
  #position: number;
  readonly #end: number;
  readonly #base: number;
  readonly #depth: number;
  readonly #budget: Budget;

  private constructor(
    bytes: Uint8Array,
    range: { position: number; end: number; base: number; depth: number; path: string },
    budget: Budget,
  ) {
    this.bytes = bytes;
    this.path = range.path;
    this.#position = range.position;
    this.#end = range.end;
    this.#base = range.base;
    this.#depth = range.depth;
    this.#budget = budget;
  }

  /**
   * A reader over all of `bytes`.
   * @throws X509Error `limit-exceeded` where the input is longer than the limit.
   */
  static over(bytes: Uint8Array, options: DerReaderOptions = {}): DerReader {
    const limits = options.limits ?? DEFAULT_DER_LIMITS;
    const path = options.path ?? '';
    if (bytes.length > limits.maxBytes) {
      throw new X509Error('limit-exceeded', `Input has ${bytes.length} octets, the limit is ${limits.maxBytes}`, {
        path,
      });
    }
    const base = options.baseOffset ?? 0;
    return new DerReader(
      bytes,
      { position: 0, end: bytes.length, base, depth: 0, path },
      { elements: limits.maxElements, maxDepth: limits.maxDepth },
    );
  }

  /** Position in `bytes` just after the last read element. */
  get position(): number {
    return this.#position;
  }

  /** Offset of the next octet in the outermost input. */
  get offset(): number {
    return this.#base + this.#position;
  }

  /** True when nothing is left to read in this element. */
  get atEnd(): boolean {
    return this.#position >= this.#end;
  }

  /** True when the next element has this identifier octet. */
  isNext(tag: number): boolean {
    return this.#position < this.#end && this.bytes[this.#position] === tag;
  }

  /** Identifier octet of the next element, or -1 at the end. */
  peekTag(): number {
    return this.#position < this.#end ? (this.bytes[this.#position] ?? -1) : -1;
  }

  /** An error at the element read last (or at the next octet, with `at: 'next'`). */
  error(code: X509ErrorCode, message: string, at: 'last' | 'next' = 'last'): X509Error {
    const offset = this.#base + (at === 'last' ? this.elementStart : this.#position);
    return new X509Error(code, message, { offset, path: this.path });
  }

  /** Reads the next element, whatever its content, past it. `expected` of undefined takes any identifier octet. */
  skip(expected?: number): void {
    const start = this.#position;
    this.elementStart = start;
    if (start >= this.#end) throw this.error('truncated', expectation(expected, 'nothing'));
    const tag = this.bytes[start] ?? 0;
    if (expected !== undefined && tag !== expected) {
      throw this.error('unexpected-tag', expectation(expected, `tag 0x${tag.toString(16)}`));
    }
    if ((tag & 0x1f) === 0x1f) throw this.error('unexpected-tag', 'Tag numbers above 30 are not used by X.509');
    if (--this.#budget.elements < 0) throw this.error('limit-exceeded', 'The input has too many elements');
    this.#position = this.#readLength(start + 1);
  }

  /** Content of the next element as a view. */
  readValue(expected: number): Uint8Array {
    this.skip(expected);
    return this.bytes.subarray(this.valueStart, this.#position);
  }

  /** The next element whole, identifier and length included, as a view. */
  readRaw(expected?: number): Uint8Array {
    this.skip(expected);
    return this.bytes.subarray(this.elementStart, this.#position);
  }

  /** A reader over the content of the next element, which must be constructed or hold nested DER. */
  enter(expected: number): DerReader {
    this.skip(expected);
    if (this.#depth + 1 > this.#budget.maxDepth) {
      throw this.error('limit-exceeded', `Elements are nested deeper than ${this.#budget.maxDepth}`);
    }
    return new DerReader(
      this.bytes,
      { position: this.valueStart, end: this.#position, base: this.#base, depth: this.#depth + 1, path: this.path },
      this.#budget,
    );
  }

  /** @throws X509Error `trailing-bytes` where something is left. */
  finish(): void {
    if (this.#position >= this.#end) return;
    throw this.error('trailing-bytes', `${this.#end - this.#position} octets are left over`, 'next');
  }

  readBoolean(tag: number = TAG.BOOLEAN): boolean {
    const value = this.readValue(tag);
    if (value.length !== 1 || (value[0] !== 0 && value[0] !== 0xff)) {
      throw this.error('invalid-value', 'A BOOLEAN must be one octet, 00 or FF');
    }
    return value[0] === 0xff;
  }

  /** Two's complement content of an INTEGER or ENUMERATED, checked to be minimal. */
  readIntegerOctets(tag: number = TAG.INTEGER): Uint8Array {
    const value = this.readValue(tag);
    if (value.length === 0) throw this.error('invalid-value', 'An INTEGER has at least one octet');
    const [first, second] = [value[0] ?? 0, value[1] ?? 0];
    if (value.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw this.error('invalid-value', 'An INTEGER must have no needless leading octet');
    }
    return value;
  }

  /** INTEGER of at most `maxOctets` content octets, signed. */
  readInteger(maxOctets: number, tag: number = TAG.INTEGER): bigint {
    const value = this.readIntegerOctets(tag);
    if (value.length > maxOctets) throw this.error('limit-exceeded', `An INTEGER here has at most ${maxOctets} octets`);
    return BigInt.asIntN(value.length * 8, BigInt(`0x${toHex(value)}`));
  }

  /** INTEGER or ENUMERATED from 0 to `max`, which must be below 2^31. */
  readSmallInteger(max: number, tag: number = TAG.INTEGER): number {
    const value = this.readIntegerOctets(tag);
    let number = 0;
    for (const octet of value.length > 5 ? [] : value) number = number * 256 + octet;
    if (value.length > 5 || (value[0] ?? 0) >= 0x80 || number > max) {
      throw this.error('invalid-value', `A number from 0 to ${max} is expected`);
    }
    return number;
  }

  readNull(): void {
    if (this.readValue(TAG.NULL).length !== 0) throw this.error('invalid-value', 'NULL must be empty');
  }

  /** Dotted decimal OBJECT IDENTIFIER. */
  readOid(tag: number = TAG.OID): string {
    const text = decodeOid(this.readValue(tag));
    if (text === undefined) throw this.error('invalid-oid', 'The OBJECT IDENTIFIER is malformed or too long');
    return text;
  }

  /** BIT STRING whose bits fill whole octets, as signatures and keys do. */
  readBitStringOctets(tag: number = TAG.BIT_STRING): Uint8Array {
    const { octets, unusedBits } = this.readBitString(tag);
    if (unusedBits !== 0) throw this.error('invalid-value', 'A BIT STRING of whole octets is expected');
    return octets;
  }

  /** BIT STRING; the unused bits of its last octet are checked to be zero (X.690 section 11.2.1). */
  readBitString(tag: number = TAG.BIT_STRING): { octets: Uint8Array; unusedBits: number } {
    const value = this.readValue(tag);
    const unusedBits = value[0] ?? 8;
    const padding = (value[value.length - 1] ?? 0) & ((1 << unusedBits) - 1);
    if (unusedBits > 7 || (value.length === 1 ? unusedBits !== 0 : padding !== 0)) {
      throw this.error('invalid-value', 'The BIT STRING has a bad count of unused bits or unused bits that are set');
    }
    return { octets: value.subarray(1), unusedBits };
  }

  /**
   * BIT STRING of named bits as a number, bit 0 of the type in bit 0 of the number; at most 31 bits. DER drops trailing
   * zero bits of named-bit lists (X.690 section 11.2.2); one that has them is refused.
   */
  readNamedBits(tag: number = TAG.BIT_STRING): number {
    const { octets, unusedBits } = this.readBitString(tag);
    if (octets.length > 3) throw this.error('invalid-value', 'The list of named bits is too long');
    const bitCount = octets.length * 8 - unusedBits;
    let bits = 0;
    for (let i = 0; i < bitCount; i++) if (((octets[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0) bits |= 1 << i;
    if (bitCount > 0 && (bits & (1 << (bitCount - 1))) === 0) {
      throw this.error('invalid-value', 'A list of named bits must not end in zero bits');
    }
    return bits;
  }

  /** Text of 7-bit characters (IA5String and its subsets under the given tag). Control characters are kept. */
  readAscii(tag: number): string {
    const value = this.readValue(tag);
    let text = '';
    for (const octet of value) {
      if (octet > 0x7f) throw this.error('invalid-string', 'Only 7-bit characters are allowed here');
      text += String.fromCharCode(octet);
    }
    return text;
  }

  /**
   * `Time` of certificates and CRLs in milliseconds since 1970: UTCTime through 2049, GeneralizedTime from 2050 on
   * (RFC 5280 section 4.1.2.5). That binds issuers; readers must take both forms, so a GeneralizedTime before 2050 is read
   * and noted.
   */
  readTime(): number {
    const utc = this.isNext(TAG.UTC_TIME);
    const value = this.readValue(utc ? TAG.UTC_TIME : TAG.GENERALIZED_TIME);
    const moment = parseTimeOctets(value, utc ? 'utc' : 'generalized');
    if (moment === undefined)
      throw this.error('invalid-time', 'The time is not in the form of RFC 5280 section 4.1.2.5');
    if (!utc && moment < YEAR_2050) this.sawEarlyGeneralizedTime = true;
    return moment;
  }

  /** GeneralizedTime of any year, in milliseconds since 1970 (RFC 5280 section 4.1.2.5.2). */
  readGeneralizedTime(): number {
    const moment = parseTimeOctets(this.readValue(TAG.GENERALIZED_TIME), 'generalized');
    if (moment === undefined)
      throw this.error('invalid-time', 'The time is not in the form of RFC 5280 section 4.1.2.5.2');
    return moment;
  }

  /** Sets valueStart; returns the position after the element. Length forms: X.690 section 8.1.3 and 10.1. */
  #readLength(at: number): number {
    if (at >= this.#end) throw this.error('truncated', 'The length is missing');
    const first = this.bytes[at] ?? 0;
    let length = first;
    let start = at + 1;
    if (first >= 0x80) {
      const count = first & 0x7f;
      if (count === 0) throw this.error('invalid-length', 'Indefinite lengths are not DER');
      if (count > 4) throw this.error('invalid-length', 'The length is too large');
      if (start + count > this.#end) throw this.error('truncated', 'The length is cut off');
      length = 0;
      for (let i = 0; i < count; i++) length = length * 256 + (this.bytes[start + i] ?? 0);
      if (length < 0x80 || this.bytes[start] === 0)
        throw this.error('invalid-length', 'The length is not in its shortest form');
      start += count;
    }
    if (length > this.#end - start)
      throw this.error('truncated', `The element says ${length} octets, ${this.#end - start} are left`);
    this.valueStart = start;
    return start + length;
  }
}

const YEAR_2050 = Date.UTC(2050, 0, 1);

function expectation(expected: number | undefined, found: string): string {
  return expected === undefined
    ? `An element is expected, found ${found}`
    : `Tag 0x${expected.toString(16)} is expected, found ${found}`;
}
