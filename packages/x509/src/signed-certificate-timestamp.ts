import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { concatOctets } from './octets.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Most timestamps read from one list; logs asked for by any policy stay below 10. */
const MAX_TIMESTAMPS = 64;

/** One signed certificate timestamp of version 1 (RFC 6962 section 3.2). All octets are views of the input. */
export interface SignedCertificateTimestamp {
  /** SHA-256 of the log's public key, 32 octets. */
  readonly logId: Uint8Array;
  /** Milliseconds since 1970. */
  readonly timestamp: bigint;
  readonly extensions: Uint8Array;
  /** TLS numbers of hash and signature algorithm (RFC 5246 section 7.4.1.4.1). */
  readonly hashAlgorithm: number;
  readonly signatureAlgorithm: number;
  readonly signature: Uint8Array;
}

/** One entry of a list as it stands: decoded where its version is known, and its octets. */
export interface SerializedTimestamp {
  readonly octets: Uint8Array;
  /** Undefined for a version other than 1. */
  readonly timestamp: SignedCertificateTimestamp | undefined;
}

const ID = { oid: OID.signedCertificateTimestamps, name: 'signedCertificateTimestamps' };

/**
 * The list of signed certificate timestamps of a final certificate, not critical (RFC 6962 section 3.3).
 * @param timestamps Serialized timestamps as logs gave them, in order, at least one.
 */
export function signedCertificateTimestampsExtension(timestamps: readonly Uint8Array[]): Extension {
  if (timestamps.length === 0 || timestamps.length > MAX_TIMESTAMPS || timestamps.some(isBadLength)) {
    throw new X509Error('invalid-argument', `Give 1 to ${MAX_TIMESTAMPS} timestamps, each of 1 to 65535 octets`);
  }
  const list = concatOctets(timestamps.flatMap((octets) => [lengthOf(octets), octets]));
  if (list.length > 0xffff)
    throw new X509Error('invalid-argument', 'The list of timestamps is longer than 65535 octets');
  return buildExtension({ oid: ID.oid, critical: false }, (writer) =>
    writer.octetString(concatOctets([lengthOf(list), list])),
  );
}

/** The poison extension of a precertificate, critical (RFC 6962 section 3.1). */
export function precertificatePoisonExtension(): Extension {
  return buildExtension({ oid: OID.precertificatePoison, critical: true }, (writer) => writer.null());
}

function isBadLength(octets: Uint8Array): boolean {
  return octets.length === 0 || octets.length > 0xffff;
}

function lengthOf(octets: Uint8Array): Uint8Array {
  return Uint8Array.of(octets.length >> 8, octets.length & 0xff);
}

/** Timestamps in order, at least one. Those of another version than 1 are kept as octets. @throws X509Error. */
export function parseSignedCertificateTimestamps(extension: Extension): readonly SerializedTimestamp[] {
  return parseExtensionValue(extension, ID, (reader) => {
    const octets = reader.readValue(0x04);
    const malformed = (): X509Error => reader.error('invalid-extension', 'The list of timestamps is malformed');
    const list = new Vector(octets, malformed).take16();
    if (list.length + 2 !== octets.length || list.length === 0) throw malformed();
    const entries = new Vector(list, malformed);
    const timestamps: SerializedTimestamp[] = [];
    while (!entries.atEnd) {
      if (timestamps.length >= MAX_TIMESTAMPS) throw reader.error('limit-exceeded', 'The list has too many timestamps');
      const entry = entries.take16();
      if (entry.length === 0) throw malformed();
      timestamps.push({ octets: entry, timestamp: entry[0] === 0 ? readTimestamp(entry, malformed) : undefined });
    }
    return timestamps;
  });
}

function readTimestamp(octets: Uint8Array, malformed: () => X509Error): SignedCertificateTimestamp {
  const vector = new Vector(octets, malformed);
  vector.take(1);
  const logId = vector.take(32);
  const time = vector.take(8);
  const timestamp = new DataView(time.buffer, time.byteOffset, 8).getBigUint64(0);
  const extensions = vector.take16();
  const [hashAlgorithm = 0, signatureAlgorithm = 0] = vector.take(2);
  const signature = vector.take16();
  if (!vector.atEnd) throw malformed();
  return { logId, timestamp, extensions, hashAlgorithm, signatureAlgorithm, signature };
}

/** A cursor over TLS presentation language (RFC 8446 section 3). */
class Vector {
  readonly #octets: Uint8Array;
  readonly #malformed: () => X509Error;
  #at = 0;

  constructor(octets: Uint8Array, malformed: () => X509Error) {
    this.#octets = octets;
    this.#malformed = malformed;
  }

  get atEnd(): boolean {
    return this.#at >= this.#octets.length;
  }

  take(count: number): Uint8Array {
    if (this.#at + count > this.#octets.length) throw this.#malformed();
    this.#at += count;
    return this.#octets.subarray(this.#at - count, this.#at);
  }

  /** A vector with a length of two octets. */
  take16(): Uint8Array {
    const [high = 0, low = 0] = this.take(2);
    return this.take(high * 256 + low);
  }
}
