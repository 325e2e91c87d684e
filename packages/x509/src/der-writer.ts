import { TAG } from './der-tag.ts';
import { formatTime } from './der-time.ts';
import { compareOctets } from './octets.ts';
import { OID } from './oid.ts';
import { encodeOid } from './oid-codec.ts';
import { X509Error } from './x509-error.ts';

const MAX_INT64 = (1n << 63n) - 1n;
const YEAR_2050 = Date.UTC(2050, 0, 1);

/** Content octets of the identifiers that this package names, encoded once. */
const KNOWN_OIDS: ReadonlyMap<string, Uint8Array> = new Map(
  Object.values(OID).map((text) => [text, encodeOid(text) ?? new Uint8Array()]),
);

/**
 * A DER writer that fills its buffer from the end towards the start, so that every length is known when its header is
 * written: one pass, no copies of nested elements.
 *
 * The price is the order: the last field of a structure is written first. A constructed element is written as
 * `const end = writer.mark()`, its fields from last to first, then `writer.close(tag, end)`.
 */
export class DerWriter {
  #buffer: Uint8Array;
  #start: number;

  /** @param capacity First size of the buffer in octets; it grows as needed. */
  constructor(capacity = 1024) {
    this.#buffer = new Uint8Array(capacity);
    this.#start = capacity;
  }

  /** Octets written so far: the mark to give to `close` when an element that ends here is complete. */
  mark(): number {
    return this.#buffer.length - this.#start;
  }

  /** Writes identifier and length of the element whose content is all that was written since `end` was taken. */
  close(tag: number, end: number): void {
    this.header(tag, this.mark() - end);
  }

  /** A copy of what was written. The writer can go on or be `reset`. */
  finish(): Uint8Array {
    return this.#buffer.slice(this.#start);
  }

  /** Forgets what was written and keeps the buffer. */
  reset(): void {
    this.#start = this.#buffer.length;
  }

  /** Forgets what was written and overwrites it, for what must not stay in memory. */
  wipe(): void {
    this.#buffer.fill(0);
    this.reset();
  }

  /** Octets as they are: a content, or whole elements that were encoded before. */
  raw(octets: Uint8Array): void {
    this.#reserve(octets.length);
    this.#start -= octets.length;
    this.#buffer.set(octets, this.#start);
  }

  /** Identifier and length for a content of `length` octets that has just been written. */
  header(tag: number, length: number): void {
    this.#reserve(6);
    if (length < 0x80) {
      this.#buffer[--this.#start] = length;
    } else {
      let count = 0;
      for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) {
        this.#buffer[--this.#start] = rest & 0xff;
        count++;
      }
      this.#buffer[--this.#start] = 0x80 | count;
    }
    this.#buffer[--this.#start] = tag;
  }

  /** One element from its content octets. */
  element(tag: number, content: Uint8Array): void {
    this.raw(content);
    this.header(tag, content.length);
  }

  boolean(value: boolean, tag: number = TAG.BOOLEAN): void {
    this.#octet(value ? 0xff : 0);
    this.header(tag, 1);
  }

  /** INTEGER (or ENUMERATED) of any size and sign, in its shortest form. */
  integer(value: bigint | number, tag: number = TAG.INTEGER): void {
    const end = this.mark();
    let rest = BigInt(value);
    // Serial numbers are the large ones: eight octets at a time while more than that is left.
    for (; rest > MAX_INT64; rest >>= 64n) this.#octets64(BigInt.asUintN(64, rest));
    let octet = Number(BigInt.asUintN(8, rest));
    this.#octet(octet);
    for (rest >>= 8n; !(rest === 0n && octet < 0x80) && !(rest === -1n && octet >= 0x80); rest >>= 8n) {
      octet = Number(BigInt.asUintN(8, rest));
      this.#octet(octet);
    }
    this.close(tag, end);
  }

  null(): void {
    this.header(TAG.NULL, 0);
  }

  /** @throws X509Error `invalid-argument` where the text is not a dotted decimal OBJECT IDENTIFIER. */
  oid(text: string, tag: number = TAG.OID): void {
    const content = KNOWN_OIDS.get(text) ?? encodeOid(text);
    if (content === undefined)
      throw new X509Error('invalid-argument', `"${text.slice(0, 80)}" is not an object identifier`);
    this.element(tag, content);
  }

  octetString(octets: Uint8Array, tag: number = TAG.OCTET_STRING): void {
    this.element(tag, octets);
  }

  /** BIT STRING of whole octets. */
  bitString(octets: Uint8Array, tag: number = TAG.BIT_STRING): void {
    this.raw(octets);
    this.#octet(0);
    this.header(tag, octets.length + 1);
  }

  /** Named bits, bit n of the type in bit n of the number, trailing zero bits dropped (X.690 section 11.2.2). */
  namedBits(bits: number, tag: number = TAG.BIT_STRING): void {
    const bitCount = 32 - Math.clz32(bits);
    const octetCount = Math.ceil(bitCount / 8);
    const content = new Uint8Array(octetCount + 1);
    content[0] = octetCount * 8 - bitCount;
    for (let i = 0; i < bitCount; i++) {
      if ((bits & (1 << i)) !== 0) content[1 + (i >> 3)] = (content[1 + (i >> 3)] ?? 0) | (0x80 >> (i & 7));
    }
    this.element(tag, content);
  }

  /** 7-bit text under the given tag. @throws X509Error `invalid-argument` for any other character. */
  ascii(text: string, tag: number): void {
    this.#reserve(text.length);
    for (let i = text.length - 1; i >= 0; i--) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) throw new X509Error('invalid-argument', 'Only 7-bit characters can be written here');
      this.#buffer[--this.#start] = code;
    }
    this.header(tag, text.length);
  }

  /** UTF-8 text. @throws X509Error `invalid-argument` where the text has unpaired surrogates. */
  utf8(text: string, tag: number = TAG.UTF8_STRING): void {
    if (isAscii(text)) {
      this.ascii(text, tag);
      return;
    }
    if (!text.isWellFormed()) throw new X509Error('invalid-argument', 'The text has unpaired surrogates');
    this.element(tag, UTF8.encode(text));
  }

  /** `Time`: UTCTime from 1950 through 2049, GeneralizedTime otherwise (RFC 5280 section 4.1.2.5), whole seconds only. */
  time(moment: Date): void {
    const utc = moment.getTime() < YEAR_2050 && moment.getUTCFullYear() >= 1950;
    this.#moment(moment, utc ? 'utc' : 'generalized');
  }

  /** GeneralizedTime, whole seconds only. */
  generalizedTime(moment: Date): void {
    this.#moment(moment, 'generalized');
  }

  #moment(moment: Date, kind: 'utc' | 'generalized'): void {
    const text = formatTime(moment, kind);
    if (text === undefined || moment.getUTCMilliseconds() !== 0) {
      throw new X509Error('invalid-argument', 'Give a valid time of whole seconds, in the years 0 to 9999');
    }
    this.ascii(text, kind === 'utc' ? TAG.UTC_TIME : TAG.GENERALIZED_TIME);
  }

  #octets64(value: bigint): void {
    this.#reserve(8);
    const [high, low] = [Number(value >> 32n), Number(value & 0xffffffffn)];
    for (let i = 0; i < 4; i++) this.#buffer[--this.#start] = (low >>> (i * 8)) & 0xff;
    for (let i = 0; i < 4; i++) this.#buffer[--this.#start] = (high >>> (i * 8)) & 0xff;
  }

  #octet(octet: number): void {
    this.#reserve(1);
    this.#buffer[--this.#start] = octet;
  }

  #reserve(count: number): void {
    if (this.#start >= count) return;
    const used = this.mark();
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, used + count + 64));
    larger.set(this.#buffer.subarray(this.#start), larger.length - used);
    this.#start = larger.length - used;
    this.#buffer = larger;
  }
}

const UTF8 = new TextEncoder();

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** What `write` puts into a fresh writer. */
export function encodeDer(write: (writer: DerWriter) => void): Uint8Array {
  const writer = new DerWriter(256);
  write(writer);
  return writer.finish();
}

/**
 * A SET OF whose elements are put in DER order (X.690 section 11.6).
 * @param elements Whole encoded elements.
 */
export function writeSetOf(writer: DerWriter, elements: readonly Uint8Array[], tag: number = TAG.SET): void {
  const end = writer.mark();
  for (const element of elements.toSorted((a, b) => compareOctets(b, a))) writer.raw(element);
  writer.close(tag, end);
}
