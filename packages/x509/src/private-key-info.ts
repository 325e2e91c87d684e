import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import { DerWriter } from './der-writer.ts';
import { OID } from './oid.ts';
import type { X509Error } from './x509-error.ts';

/** Limits for one private key: 16 KiB, 8 levels, 200 elements. RSA of 8192 bits has 5 KiB. */
export const PRIVATE_KEY_LIMITS: DerLimits = { maxBytes: 16_384, maxDepth: 8, maxElements: 200 };

/**
 * An unencrypted PKCS#8 private key (RFC 5208, RFC 5958), taken apart. The octets are views of the input: whoever wipes
 * the input wipes the key.
 */
export interface PrivateKeyInfo {
  /** 1, or 2 where the public key is there. */
  readonly version: 1 | 2;
  /** Key algorithm, dotted decimal. */
  readonly algorithm: string;
  /** The whole AlgorithmIdentifier. */
  readonly algorithmDer: Uint8Array;
  /** Content of the privateKey field: a secret, in the form of its algorithm. */
  readonly privateKey: Uint8Array;
  /** Public key bits (RFC 5958), where they are there. */
  readonly publicKey: Uint8Array | undefined;
}

/**
 * Takes an unencrypted PKCS#8 key apart, the whole of the input, as strict DER; the inner form is checked for RSA, EC,
 * Ed25519 and ML-DSA keys. No number of the key is judged and nothing of it is copied or put into an error.
 * @throws X509Error `invalid-key`, or a DER code.
 */
export function parsePrivateKeyInfo(der: Uint8Array, limits: DerLimits = PRIVATE_KEY_LIMITS): PrivateKeyInfo {
  const reader = DerReader.over(der, { limits, path: 'privateKeyInfo' });
  const outer = reader.enter(TAG.SEQUENCE);
  reader.finish();
  const version = outer.readSmallInteger(1) === 0 ? 1 : 2;
  const identifier = outer.enter(TAG.SEQUENCE);
  const algorithmDer = outer.bytes.subarray(outer.elementStart, outer.position);
  const algorithm = identifier.readOid();
  const inner = outer.enter(TAG.OCTET_STRING);
  const privateKey = outer.bytes.subarray(outer.valueStart, outer.position);
  checkInnerForm(algorithm, inner);
  if (outer.isNext(constructedContextTag(0))) outer.skip();
  const publicKey = outer.isNext(contextTag(1)) ? outer.readBitStringOctets(contextTag(1)) : undefined;
  outer.finish();
  if ((publicKey !== undefined) !== (version === 2)) {
    throw reader.error('unsupported-version', 'Version 2 says that the public key is there (RFC 5958 section 2)');
  }
  return { version, algorithm, algorithmDer, privateKey, publicKey };
}

function checkInnerForm(algorithm: string, inner: DerReader): void {
  inner.path = 'privateKeyInfo.privateKey';
  if (algorithm === OID.rsaEncryption || algorithm === OID.rsassaPss) checkRsaKey(inner);
  else if (algorithm === OID.ecPublicKey) checkEcKey(inner);
  else if (algorithm === OID.ed25519) checkOctets(inner, { tag: TAG.OCTET_STRING, length: 32 });
  else if (ML_DSA_EXPANDED.has(algorithm)) checkMlDsaKey(inner, ML_DSA_EXPANDED.get(algorithm) ?? 0);
}

/** RSAPrivateKey of two primes (RFC 8017 appendix A.1.2): the version and eight numbers. */
function checkRsaKey(inner: DerReader): void {
  const sequence = inner.enter(TAG.SEQUENCE);
  sequence.readSmallInteger(0);
  for (let count = 0; count < 8; count++) {
    if ((sequence.readIntegerOctets()[0] ?? 0) >= 0x80) throw malformed(sequence);
  }
  sequence.finish();
  inner.finish();
}

/** ECPrivateKey (RFC 5915 section 3). */
function checkEcKey(inner: DerReader): void {
  const sequence = inner.enter(TAG.SEQUENCE);
  if (sequence.readSmallInteger(255) !== 1) throw malformed(sequence);
  sequence.readValue(TAG.OCTET_STRING);
  if (sequence.isNext(constructedContextTag(0))) sequence.skip();
  if (sequence.isNext(constructedContextTag(1))) {
    const explicit = sequence.enter(constructedContextTag(1));
    explicit.readBitStringOctets();
    explicit.finish();
  }
  sequence.finish();
  inner.finish();
}

/** Octets of expanded ML-DSA private keys (FIPS 204 table 2). */
const ML_DSA_EXPANDED: ReadonlyMap<string, number> = new Map([
  [OID.mlDsa44, 2560],
  [OID.mlDsa65, 4032],
  [OID.mlDsa87, 4896],
]);

/** Seed, expanded key, or both (RFC 9881 section 6). */
function checkMlDsaKey(inner: DerReader, expanded: number): void {
  if (inner.isNext(contextTag(0)) || inner.isNext(TAG.OCTET_STRING)) {
    const tag = inner.peekTag();
    checkOctets(inner, { tag, length: tag === TAG.OCTET_STRING ? expanded : 32 });
    return;
  }
  const both = inner.enter(TAG.SEQUENCE);
  inner.finish();
  if (both.readValue(TAG.OCTET_STRING).length !== 32) throw malformed(both);
  checkOctets(both, { tag: TAG.OCTET_STRING, length: expanded });
}

function checkOctets(reader: DerReader, expected: { tag: number; length: number }): void {
  if (reader.readValue(expected.tag).length !== expected.length) throw malformed(reader);
  reader.finish();
}

function malformed(reader: DerReader): X509Error {
  return reader.error('invalid-key', 'The private key does not have the form of its algorithm');
}

/** What an unencrypted PKCS#8 key is made of. */
export interface PrivateKeyInfoInput {
  /** The whole AlgorithmIdentifier, as in the SubjectPublicKeyInfo. */
  readonly algorithmDer: Uint8Array;
  /** Content of the privateKey field. */
  readonly privateKey: Uint8Array;
  /** Public key bits; with them the version is 2. */
  readonly publicKey?: Uint8Array;
}

/**
 * DER of an unencrypted PKCS#8 key. The caller wipes it. Encrypted keys (PBES2) are neither written nor read here:
 * node:crypto does both.
 */
export function buildPrivateKeyInfo(input: PrivateKeyInfoInput): Uint8Array {
  const writer = new DerWriter(input.privateKey.length + input.algorithmDer.length + 256);
  if (input.publicKey !== undefined) writer.bitString(input.publicKey, contextTag(1));
  writer.octetString(input.privateKey);
  writer.raw(input.algorithmDer);
  writer.integer(input.publicKey === undefined ? 0 : 1);
  writer.close(TAG.SEQUENCE, 0);
  const der = writer.finish();
  writer.wipe();
  return der;
}
