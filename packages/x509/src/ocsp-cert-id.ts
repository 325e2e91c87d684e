import { createHash } from 'node:crypto';
import type { DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { type DerWriter, encodeDer } from './der-writer.ts';
import type { Name } from './name.ts';
import { equalOctets, toHex } from './octets.ts';
import { OID } from './oid.ts';
import type { PublicKeyInfo } from './public-key.ts';
import { serialOctetsToHex } from './serial-number.ts';

/** Digests that identify an issuer. SHA-1 here is an identifier, not a protection (RFC 5019 section 2.1.1). */
export type OcspDigest = 'sha1' | 'sha256' | 'sha384' | 'sha512';

const DIGEST_OID: Readonly<Record<OcspDigest, string>> = {
  sha1: OID.sha1,
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};

const DIGEST_BY_OID: ReadonlyMap<string, OcspDigest> = new Map(
  // The keys of a constant object literal are exactly its declared keys.
  Object.entries(DIGEST_OID).map(([digest, oid]) => [oid, digest as OcspDigest]),
);

/** Longest hash read, in octets. */
const MAX_HASH = 64;
/** Longest serial number read, in octets, as in certificates. */
const MAX_SERIAL = 64;

/** The issuer half of a CertID. */
export interface OcspIssuerId {
  readonly digest: OcspDigest;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
}

/** One certificate as OCSP names it (RFC 6960 section 4.1.1). */
export interface OcspCertId {
  /** Dotted decimal of the hash algorithm. */
  readonly hashAlgorithm: string;
  /** Undefined for a hash algorithm that is not known here: such a request is well-formed and cannot be answered. */
  readonly digest: OcspDigest | undefined;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  readonly serialNumber: bigint;
  /** Lower-case hexadecimal without a sign octet, as `Certificate.serialNumberHex`. */
  readonly serialNumberHex: string;
  /** The CertID whole, to be copied into the response. */
  readonly der: Uint8Array;
}

/** Hashes of an issuer's name and key. Make it once per issuer and digest. */
export function ocspIssuerId(
  issuer: { readonly name: Name; readonly publicKey: PublicKeyInfo },
  digest: OcspDigest,
): OcspIssuerId {
  const hash = (octets: Uint8Array): Uint8Array => new Uint8Array(createHash(digest).update(octets).digest());
  return { digest, issuerNameHash: hash(issuer.name.der), issuerKeyHash: hash(issuer.publicKey.keyBits) };
}

/** DER of the CertID of a certificate; hash parameters are NULL, as all tools write them. */
export function encodeOcspCertId(issuer: OcspIssuerId, serialNumber: bigint): Uint8Array {
  return encodeDer((writer) => writeCertId(writer, issuer, serialNumber));
}

function writeCertId(writer: DerWriter, issuer: OcspIssuerId, serialNumber: bigint): void {
  const end = writer.mark();
  writer.integer(serialNumber);
  writer.octetString(issuer.issuerKeyHash);
  writer.octetString(issuer.issuerNameHash);
  const algorithmEnd = writer.mark();
  writer.null();
  writer.oid(DIGEST_OID[issuer.digest]);
  writer.close(TAG.SEQUENCE, algorithmEnd);
  writer.close(TAG.SEQUENCE, end);
}

/** Reads a CertID from a reader, past it. */
export function readOcspCertId(reader: DerReader): OcspCertId {
  const sequence = reader.enter(TAG.SEQUENCE);
  const der = reader.bytes.subarray(reader.elementStart, reader.position);
  const algorithm = sequence.enter(TAG.SEQUENCE);
  const hashAlgorithm = algorithm.readOid();
  if (!algorithm.atEnd) algorithm.readNull();
  algorithm.finish();
  const issuerNameHash = sequence.readValue(TAG.OCTET_STRING);
  const issuerKeyHash = sequence.readValue(TAG.OCTET_STRING);
  const serialOctets = sequence.readIntegerOctets();
  if (Math.max(issuerNameHash.length, issuerKeyHash.length) > MAX_HASH || serialOctets.length > MAX_SERIAL) {
    throw sequence.error('limit-exceeded', 'A hash or serial number in a CertID is longer than 64 octets');
  }
  sequence.finish();
  return {
    hashAlgorithm,
    digest: DIGEST_BY_OID.get(hashAlgorithm),
    issuerNameHash,
    issuerKeyHash,
    serialNumber: BigInt.asIntN(serialOctets.length * 8, BigInt(`0x${toHex(serialOctets)}`)),
    serialNumberHex: serialOctetsToHex(serialOctets),
    der,
  };
}

/** True when a CertID names a certificate of this issuer. Make `issuer` with the CertID's own digest. */
export function isIssuedBy(id: OcspCertId, issuer: OcspIssuerId): boolean {
  return (
    id.digest === issuer.digest &&
    equalOctets(id.issuerNameHash, issuer.issuerNameHash) &&
    equalOctets(id.issuerKeyHash, issuer.issuerKeyHash)
  );
}
