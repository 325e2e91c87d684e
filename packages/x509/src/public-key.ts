import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { DerReader, type DerReaderOptions } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { equalOctets, toUnsigned } from './octets.ts';
import { OID } from './oid.ts';
import { encodeSignatureAlgorithm, type MlDsaName, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** Smallest RSA modulus accepted anywhere, in bits. */
export const MIN_RSA_BITS = 2048;
/** Largest RSA modulus accepted for verification, in bits: above it a signature check is a way to burn our time. */
export const MAX_RSA_BITS = 8192;
/** Largest RSA modulus of keys that this platform signs with, in bits. */
export const MAX_SIGNING_RSA_BITS = 4096;

/** What kind of key a SubjectPublicKeyInfo holds. */
export type PublicKeyDetails =
  | { readonly kind: 'rsa'; readonly modulusBits: number; readonly exponent: bigint }
  /** RSA restricted to RSASSA-PSS; `algorithm` is there where the key names its digest (RFC 4055 section 3.1). */
  | {
      readonly kind: 'rsa-pss';
      readonly modulusBits: number;
      readonly exponent: bigint;
      readonly algorithm: SignatureAlgorithm | undefined;
    }
  | { readonly kind: 'ec'; readonly curve: EcCurve }
  | { readonly kind: 'ed25519' }
  | { readonly kind: MlDsaName }
  | { readonly kind: 'unknown'; readonly algorithm: string };

/** Curves of ECDSA keys. */
export type EcCurve = 'P-256' | 'P-384';

const CURVES: ReadonlyMap<string, { readonly curve: EcCurve; readonly coordinate: number }> = new Map([
  [OID.prime256v1, { curve: 'P-256', coordinate: 32 }],
  [OID.secp384r1, { curve: 'P-384', coordinate: 48 }],
]);

/** Octets of ML-DSA public keys (FIPS 204 table 2). */
const ML_DSA_KEY_OCTETS: Readonly<Record<MlDsaName, number>> = {
  'ml-dsa-44': 1312,
  'ml-dsa-65': 1952,
  'ml-dsa-87': 2592,
};

const ML_DSA_BY_OID: ReadonlyMap<string, MlDsaName> = new Map([
  [OID.mlDsa44, 'ml-dsa-44'],
  [OID.mlDsa65, 'ml-dsa-65'],
  [OID.mlDsa87, 'ml-dsa-87'],
]);

/**
 * A SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), parsed. It imports the key into node:crypto at the first signature
 * check and keeps it, so use one object for many checks.
 */
export class PublicKeyInfo {
  /** The whole SubjectPublicKeyInfo as given. */
  readonly der: Uint8Array;
  /** The key bits: content of the BIT STRING without its count of unused bits. */
  readonly keyBits: Uint8Array;
  readonly details: PublicKeyDetails;
  #imported: KeyObject | undefined;

  /** Use `parsePublicKey`. */
  constructor(parts: { der: Uint8Array; keyBits: Uint8Array; details: PublicKeyDetails }) {
    this.der = parts.der;
    this.keyBits = parts.keyBits;
    this.details = parts.details;
  }

  /** SHA-1 of the key bits: the key identifier of RFC 5280 section 4.2.1.2 method 1. An identifier, not a protection. */
  keyId(): Uint8Array {
    return new Uint8Array(hash('sha1', this.keyBits, 'buffer'));
  }

  /** SHA-256 of the whole SubjectPublicKeyInfo. */
  fingerprint(): Uint8Array {
    return new Uint8Array(hash('sha256', this.der, 'buffer'));
  }

  /**
   * The key in node:crypto.
   * @throws X509Error `invalid-key` where it is no valid key (a point off its curve), `unsupported-algorithm` where the
   * runtime has no such keys.
   */
  keyObject(): KeyObject {
    this.#imported ??= importKey(this);
    return this.#imported;
  }
}

function importKey(key: PublicKeyInfo): KeyObject {
  if (key.details.kind === 'unknown')
    throw new X509Error('unsupported-algorithm', `Keys of algorithm ${key.details.algorithm} are not supported`);
  try {
    return createPublicKey({ key: key.der, format: 'der', type: 'spki' });
  } catch (cause) {
    if (key.details.kind.startsWith('ml-dsa')) {
      throw new X509Error('unsupported-algorithm', `The key is not valid or this runtime has no ${key.details.kind}`, {
        cause,
      });
    }
    throw new X509Error('invalid-key', 'The public key is not valid', { cause });
  }
}

/**
 * Parses a SubjectPublicKeyInfo. Keys of other algorithms and curves come back as `unknown`; for those that are known
 * the form is checked, not the strength (see `assertStrongKey`) nor that a point is on its curve (see `keyObject`).
 * @throws X509Error `invalid-key`, or a DER code.
 */
export function parsePublicKey(der: Uint8Array, options: DerReaderOptions = {}): PublicKeyInfo {
  const reader = DerReader.over(der, { path: 'subjectPublicKeyInfo', ...options });
  const sequence = reader.enter(TAG.SEQUENCE);
  const algorithm = sequence.enter(TAG.SEQUENCE);
  const algorithmDer = reader.bytes.subarray(sequence.elementStart, sequence.position);
  const oid = algorithm.readOid();
  const keyBits = sequence.readBitStringOctets();
  const keyOffset = reader.offset - keyBits.length;
  sequence.finish();
  reader.finish();
  const details = readDetails({ oid, algorithm, algorithmDer, keyBits, keyOffset });
  return new PublicKeyInfo({ der, keyBits, details });
}

interface KeyParts {
  readonly oid: string;
  /** Reader positioned at the parameters. */
  readonly algorithm: DerReader;
  readonly algorithmDer: Uint8Array;
  readonly keyBits: Uint8Array;
  readonly keyOffset: number;
}

function readDetails(parts: KeyParts): PublicKeyDetails {
  const { oid, algorithm, keyBits } = parts;
  const mlDsa = ML_DSA_BY_OID.get(oid);
  if (oid === OID.rsaEncryption) {
    // RFC 3279 section 2.3.1: the parameters are NULL, and are there.
    algorithm.readNull();
    algorithm.finish();
    return { kind: 'rsa', ...readRsaKey(parts) };
  }
  if (oid === OID.rsassaPss) {
    const restricted = algorithm.atEnd ? undefined : pssAlgorithmOf(parts.algorithmDer);
    return restricted === null
      ? { kind: 'unknown', algorithm: oid }
      : { kind: 'rsa-pss', ...readRsaKey(parts), algorithm: restricted };
  }
  if (oid === OID.ecPublicKey) return readEcKey(parts);
  if (oid === OID.ed25519 || mlDsa !== undefined) {
    // RFC 8410 section 3, RFC 9881 section 2: the parameters are absent.
    algorithm.finish();
    const expected = mlDsa === undefined ? 32 : ML_DSA_KEY_OCTETS[mlDsa];
    if (keyBits.length !== expected) throw badKey(parts, `The key must have ${expected} octets`);
    return { kind: mlDsa ?? 'ed25519' };
  }
  return { kind: 'unknown', algorithm: oid };
}

function readEcKey(parts: KeyParts): PublicKeyDetails {
  // RFC 5480 section 2.1.1: a named curve; explicit parameters and curves without a name here are not read further.
  if (!parts.algorithm.isNext(TAG.OID)) return { kind: 'unknown', algorithm: `${parts.oid} with explicit parameters` };
  const curveOid = parts.algorithm.readOid();
  parts.algorithm.finish();
  const known = CURVES.get(curveOid);
  if (known === undefined) return { kind: 'unknown', algorithm: `${parts.oid} on curve ${curveOid}` };
  if (parts.keyBits.length !== 1 + 2 * known.coordinate || parts.keyBits[0] !== 0x04) {
    throw badKey(parts, `The point must be uncompressed, ${1 + 2 * known.coordinate} octets`);
  }
  return { kind: 'ec', curve: known.curve };
}

function readRsaKey(parts: KeyParts): { modulusBits: number; exponent: bigint } {
  const reader = DerReader.over(parts.keyBits, { baseOffset: parts.keyOffset, path: 'subjectPublicKey' });
  const sequence = reader.enter(TAG.SEQUENCE);
  const modulus = sequence.readIntegerOctets();
  const exponentOctets = sequence.readIntegerOctets();
  const exponent = exponentOctets.length > 33 ? 0n : toUnsigned(exponentOctets);
  sequence.finish();
  reader.finish();
  const magnitude = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  if ((modulus[0] ?? 0) >= 0x80 || magnitude.length === 0) throw badKey(parts, 'The modulus must be positive');
  if (((magnitude[magnitude.length - 1] ?? 0) & 1) === 0) throw badKey(parts, 'The modulus must be odd');
  if ((exponentOctets[0] ?? 0) >= 0x80 || exponent < 3n || (exponent & 1n) === 0n) {
    throw badKey(parts, 'The exponent must be odd, at least 3 and below 2^256');
  }
  return { modulusBits: magnitude.length * 8 - (Math.clz32(magnitude[0] ?? 0) - 24), exponent };
}

/** The PSS algorithm of a restricted key's identifier; null where its parameters are not ones that are known. */
function pssAlgorithmOf(algorithmDer: Uint8Array): SignatureAlgorithm | null {
  const candidates: SignatureAlgorithm[] = ['rsa-pss-sha256', 'rsa-pss-sha384', 'rsa-pss-sha512'];
  return candidates.find((name) => equalOctets(encodeSignatureAlgorithm(name), algorithmDer)) ?? null;
}

function badKey(parts: KeyParts, message: string): X509Error {
  return new X509Error('invalid-key', message, { offset: parts.keyOffset, path: 'subjectPublicKey' });
}

/** What a key is wanted for: `verify` takes RSA up to 8192 bits, `sign` and `certify` up to 4096. */
export type KeyRole = 'verify' | 'sign' | 'certify';

/**
 * Refuses keys that are too weak or not supported: RSA under 2048 bits or with an exponent below 65537 (FIPS 186-5 section
 * 5.1), RSA over the role's maximum, unknown algorithms and curves.
 * @param role `verify`: a key met in a foreign chain, whose exponent may be 3; `certify`: a subject's key that we put into
 * a certificate; `sign`: a key of our own.
 * @throws X509Error `weak-key` or `unsupported-algorithm`.
 */
export function assertStrongKey(key: PublicKeyInfo, role: KeyRole): void {
  const { details } = key;
  if (details.kind === 'unknown')
    throw new X509Error('unsupported-algorithm', `Keys of algorithm ${details.algorithm} are not supported`);
  if (details.kind !== 'rsa' && details.kind !== 'rsa-pss') return;
  const maximum = role === 'verify' ? MAX_RSA_BITS : MAX_SIGNING_RSA_BITS;
  if (details.modulusBits < MIN_RSA_BITS || details.modulusBits > maximum) {
    throw new X509Error(
      'weak-key',
      `The RSA key has ${details.modulusBits} bits; ${MIN_RSA_BITS} to ${maximum} are accepted`,
    );
  }
  if (role !== 'verify' && details.exponent < 65_537n) {
    throw new X509Error('weak-key', `The RSA exponent is ${details.exponent}; 65537 or more is needed`);
  }
}

/** What kind of key there is, or undefined for one that cannot be read; for rules that leave that to another rule. */
export function publicKeyDetailsOf(read: () => PublicKeyInfo): PublicKeyDetails | undefined {
  try {
    return read().details;
  } catch (fault) {
    if (fault instanceof X509Error) return undefined;
    throw fault;
  }
}
