import { DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { type DerWriter, encodeDer } from './der-writer.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Digests of signature algorithms. */
export type DigestName = 'sha256' | 'sha384' | 'sha512';

/** What an AlgorithmIdentifier of a signature says, by name. */
export type SignatureAlgorithm =
  | `ecdsa-${DigestName}`
  | `rsa-${DigestName}`
  | `rsa-pss-${DigestName}`
  | 'ed25519'
  | MlDsaName;

/** Parameter sets of ML-DSA (FIPS 204, RFC 9881). */
export type MlDsaName = 'ml-dsa-44' | 'ml-dsa-65' | 'ml-dsa-87';

const ECDSA_OID = {
  'ecdsa-sha256': OID.ecdsaWithSha256,
  'ecdsa-sha384': OID.ecdsaWithSha384,
  'ecdsa-sha512': OID.ecdsaWithSha512,
} as const;

const RSA_OID = {
  'rsa-sha256': OID.sha256WithRsaEncryption,
  'rsa-sha384': OID.sha384WithRsaEncryption,
  'rsa-sha512': OID.sha512WithRsaEncryption,
} as const;

const OTHER_OID = {
  ed25519: OID.ed25519,
  'ml-dsa-44': OID.mlDsa44,
  'ml-dsa-65': OID.mlDsa65,
  'ml-dsa-87': OID.mlDsa87,
} as const;

const DIGEST_OID: Readonly<Record<DigestName, string>> = { sha256: OID.sha256, sha384: OID.sha384, sha512: OID.sha512 };
const DIGEST_LENGTH: Readonly<Record<DigestName, number>> = { sha256: 32, sha384: 48, sha512: 64 };

/** Signature algorithms refused by name, so that the message can say why (RFC 6194, RFC 6151, RFC 8017). */
const WEAK_SIGNATURE_OIDS: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.2.840.113549.1.1.3', 'MD4 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.3.14.3.2.29', 'SHA-1 with RSA'],
  ['1.3.14.3.2.3', 'MD5 with RSA'],
  ['1.2.840.10045.4.1', 'ECDSA with SHA-1'],
  ['1.2.840.10040.4.3', 'DSA with SHA-1'],
  ['1.3.14.3.2.27', 'DSA with SHA-1'],
]);

/** One algorithm: its name and the exact DER of its AlgorithmIdentifier. */
interface KnownAlgorithm {
  readonly name: SignatureAlgorithm;
  readonly der: Uint8Array;
}

/**
 * All AlgorithmIdentifiers that are read, written form first. ECDSA, Ed25519 and ML-DSA have no parameters (RFC 5758
 * section 3.2, RFC 8410 section 3, RFC 9881 section 2); RSA PKCS#1 v1.5 has NULL (RFC 4055 section 5); RSA-PSS is written
 * with NULL in its digests and read without as well (RFC 4055 section 2.1), always with MGF1 of the same digest and a salt
 * of the digest's length. A finite list compared byte by byte leaves no room for odd parameters.
 */
const KNOWN_ALGORITHMS: readonly KnownAlgorithm[] = [
  ...names(ECDSA_OID).map((name) => ({ name, der: withoutParameters(ECDSA_OID[name]) })),
  ...names(RSA_OID).map((name) => ({ name, der: withNull(RSA_OID[name]) })),
  ...names(OTHER_OID).map((name) => ({ name, der: withoutParameters(OTHER_OID[name]) })),
  ...names(DIGEST_OID).flatMap((digest) =>
    [
      { digestNull: true, mgfNull: true },
      { digestNull: false, mgfNull: false },
      { digestNull: false, mgfNull: true },
      { digestNull: true, mgfNull: false },
    ].map((form) => ({ name: `rsa-pss-${digest}` as const, der: pss(digest, form) })),
  ),
];

const WRITTEN: ReadonlyMap<SignatureAlgorithm, Uint8Array> = new Map(
  KNOWN_ALGORITHMS.toReversed().map(({ name, der }) => [name, der]),
);

function names<K extends string>(record: Readonly<Record<K, unknown>>): K[] {
  // The keys of a constant object literal are exactly its declared keys.
  return Object.keys(record) as K[];
}

function withoutParameters(oid: string): Uint8Array {
  return encodeDer((writer) => writeIdentifier(writer, oid, false));
}

function withNull(oid: string): Uint8Array {
  return encodeDer((writer) => writeIdentifier(writer, oid, true));
}

function writeIdentifier(writer: DerWriter, oid: string, hasNull: boolean): void {
  const end = writer.mark();
  if (hasNull) writer.null();
  writer.oid(oid);
  writer.close(TAG.SEQUENCE, end);
}

function pss(digest: DigestName, form: { digestNull: boolean; mgfNull: boolean }): Uint8Array {
  return encodeDer((writer) => {
    const end = writer.mark();
    writer.integer(DIGEST_LENGTH[digest]);
    writer.close(constructedContextTag(2), end);
    const mgfEnd = writer.mark();
    writeIdentifier(writer, DIGEST_OID[digest], form.mgfNull);
    writer.oid(OID.mgf1);
    writer.close(TAG.SEQUENCE, mgfEnd);
    writer.close(constructedContextTag(1), mgfEnd);
    const digestEnd = writer.mark();
    writeIdentifier(writer, DIGEST_OID[digest], form.digestNull);
    writer.close(constructedContextTag(0), digestEnd);
    writer.close(TAG.SEQUENCE, end);
    writer.oid(OID.rsassaPss);
    writer.close(TAG.SEQUENCE, end);
  });
}

/** DER of the AlgorithmIdentifier of a signature algorithm. The returned bytes are shared: do not change them. */
export function encodeSignatureAlgorithm(algorithm: SignatureAlgorithm): Uint8Array {
  const der = WRITTEN.get(algorithm);
  if (der === undefined)
    throw new X509Error('unsupported-algorithm', `"${String(algorithm).slice(0, 40)}" is not a signature algorithm`);
  return der;
}

/**
 * The algorithm of an AlgorithmIdentifier.
 * @throws X509Error `weak-algorithm` for MD2, MD4, MD5 and SHA-1, `unsupported-algorithm` for others that are not known
 * or that have other parameters than the standard's.
 */
export function parseSignatureAlgorithm(der: Uint8Array): SignatureAlgorithm {
  const known = KNOWN_ALGORITHMS.find((candidate) => equalOctets(candidate.der, der));
  if (known !== undefined) return known.name;
  const reader = DerReader.over(der, { path: 'signatureAlgorithm' });
  const oid = reader.enter(TAG.SEQUENCE).readOid();
  reader.finish();
  const weak = WEAK_SIGNATURE_OIDS.get(oid);
  if (weak !== undefined) throw new X509Error('weak-algorithm', `${weak} is not secure and is refused`);
  if (KNOWN_OIDS.has(oid))
    throw new X509Error('unsupported-algorithm', `Signature algorithm ${oid} has parameters that are not accepted`);
  throw new X509Error('unsupported-algorithm', `Signature algorithm ${oid} is not supported`);
}

const KNOWN_OIDS: ReadonlySet<string> = new Set([
  ...Object.values(ECDSA_OID),
  ...Object.values(RSA_OID),
  ...Object.values(OTHER_OID),
  OID.rsassaPss,
]);

/** The digest that an algorithm hashes its input with; undefined where that is part of the algorithm. */
export function digestOf(algorithm: SignatureAlgorithm): DigestName | undefined {
  return names(DIGEST_OID).find((digest) => algorithm.endsWith(`-${digest}`));
}
