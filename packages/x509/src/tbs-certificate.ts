import { parseIssuerAltName, parseSubjectAltName } from './alternative-name.ts';
import { type AccessDescription, parseAuthorityInfoAccess, parseSubjectInfoAccess } from './authority-info-access.ts';
import { type BasicConstraints, parseBasicConstraints } from './basic-constraints.ts';
import { type PolicyInformation, parseCertificatePolicies } from './certificate-policies.ts';
import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import { type DistributionPoint, parseCrlDistributionPoints, parseFreshestCrl } from './distribution-point.ts';
import { parseExtendedKeyUsage } from './extended-key-usage.ts';
import { type Extension, findExtension, readExtensions } from './extension.ts';
import type { GeneralName } from './general-name.ts';
import {
  type AuthorityKeyIdentifier,
  parseAuthorityKeyIdentifier,
  parseSubjectKeyIdentifier,
} from './key-identifier.ts';
import { type KeyUsage, parseKeyUsage } from './key-usage.ts';
import { type Name, readName } from './name.ts';
import { type NameConstraints, parseNameConstraints } from './name-constraints.ts';
import { toHex } from './octets.ts';
import { OID } from './oid.ts';
import { type PolicyConstraints, parseInhibitAnyPolicy, parsePolicyConstraints } from './policy-constraints.ts';
import { type PolicyMapping, parsePolicyMappings } from './policy-mappings.ts';
import { type PublicKeyInfo, parsePublicKey } from './public-key.ts';
import { serialOctetsToHex } from './serial-number.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { parseSignedCertificateTimestamps, type SerializedTimestamp } from './signed-certificate-timestamp.ts';
import { type DirectoryAttribute, parseSubjectDirectoryAttributes } from './subject-directory-attributes.ts';
import { parseTlsFeature } from './tls-feature.ts';

/** Limits for one certificate: 64 KiB, 24 levels, 20,000 elements. */
export const CERTIFICATE_LIMITS: DerLimits = { maxBytes: 65_536, maxDepth: 24, maxElements: 20_000 };

/** What a TBSCertificate holds, as read. */
export interface TbsCertificateFields {
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  readonly serialNumberBytes: Uint8Array;
  readonly serialNumber: bigint;
  readonly signatureAlgorithmDer: Uint8Array;
  readonly issuer: Name;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly hasProperTimeEncoding: boolean;
  readonly subject: Name;
  readonly spki: Uint8Array;
  readonly spkiOffset: number;
  readonly hasUniqueIdentifier: boolean;
  readonly extensions: readonly Extension[];
}

/**
 * A parsed TBSCertificate (RFC 5280 section 4.1.2): what a certificate says, signed or about to be. All octets are views of the input. Structure, names and times were
 * checked when it was parsed; the key, the signature algorithm and each extension are read at first use, so their getters
 * throw X509Error where they are malformed.
 */
export class TbsCertificate {
  readonly #fields: TbsCertificateFields;
  readonly #parsed = new Map<string, unknown>();
  #publicKey: PublicKeyInfo | undefined;

  /** Use `parseTbsCertificate` or `parseCertificate`. */
  constructor(fields: TbsCertificateFields) {
    this.#fields = fields;
  }

  /** The exact octets that are signed. */
  get tbs(): Uint8Array {
    return this.#fields.tbs;
  }

  get version(): 1 | 2 | 3 {
    return this.#fields.version;
  }

  /** The serial number; negative or zero where the certificate says so. */
  get serialNumber(): bigint {
    return this.#fields.serialNumber;
  }

  /** Content octets of the serial number, as they stand in the certificate. */
  get serialNumberBytes(): Uint8Array {
    return this.#fields.serialNumberBytes;
  }

  /** The serial number in lower-case hexadecimal without a sign octet. */
  get serialNumberHex(): string {
    return serialOctetsToHex(this.#fields.serialNumberBytes);
  }

  /** @throws X509Error `weak-algorithm` or `unsupported-algorithm`. */
  get signatureAlgorithm(): SignatureAlgorithm {
    return parseSignatureAlgorithm(this.#fields.signatureAlgorithmDer);
  }

  /** The AlgorithmIdentifier of the signature. */
  get signatureAlgorithmDer(): Uint8Array {
    return this.#fields.signatureAlgorithmDer;
  }

  get issuer(): Name {
    return this.#fields.issuer;
  }

  get subject(): Name {
    return this.#fields.subject;
  }

  /** First moment of validity. A new Date at each call. */
  get notBefore(): Date {
    return new Date(this.#fields.notBefore);
  }

  /** Last second of validity, inclusive. A new Date at each call. */
  get notAfter(): Date {
    return new Date(this.#fields.notAfter);
  }

  /** False where a time before 2050 is a GeneralizedTime, which issuers must not write (RFC 5280 section 4.1.2.5). */
  get hasProperTimeEncoding(): boolean {
    return this.#fields.hasProperTimeEncoding;
  }

  /** DER of the SubjectPublicKeyInfo. */
  get spki(): Uint8Array {
    return this.#fields.spki;
  }

  /** @throws X509Error where the key is malformed. */
  get publicKey(): PublicKeyInfo {
    this.#publicKey ??= parsePublicKey(this.#fields.spki, { baseOffset: this.#fields.spkiOffset });
    return this.#publicKey;
  }

  /** True where it has an issuer or subject unique identifier, which nobody should use any more. */
  get hasUniqueIdentifier(): boolean {
    return this.#fields.hasUniqueIdentifier;
  }

  /** All extensions in order of encoding; empty where there are none. */
  get extensions(): readonly Extension[] {
    return this.#fields.extensions;
  }

  /** The extension with an identifier. */
  extension(oid: string): Extension | undefined {
    return findExtension(this.#fields.extensions, oid);
  }

  get basicConstraints(): BasicConstraints | undefined {
    return this.#read(OID.basicConstraints, parseBasicConstraints);
  }

  get keyUsage(): ReadonlySet<KeyUsage> | undefined {
    return this.#read(OID.keyUsage, parseKeyUsage);
  }

  /** Key purposes in dotted decimal. */
  get extendedKeyUsage(): readonly string[] | undefined {
    return this.#read(OID.extendedKeyUsage, parseExtendedKeyUsage);
  }

  get subjectAltName(): readonly GeneralName[] | undefined {
    return this.#read(OID.subjectAltName, parseSubjectAltName);
  }

  get subjectKeyIdentifier(): Uint8Array | undefined {
    return this.#read(OID.subjectKeyIdentifier, parseSubjectKeyIdentifier);
  }

  get authorityKeyIdentifier(): AuthorityKeyIdentifier | undefined {
    return this.#read(OID.authorityKeyIdentifier, parseAuthorityKeyIdentifier);
  }

  get crlDistributionPoints(): readonly DistributionPoint[] | undefined {
    return this.#read(OID.cRLDistributionPoints, parseCrlDistributionPoints);
  }

  get authorityInfoAccess(): readonly AccessDescription[] | undefined {
    return this.#read(OID.authorityInfoAccess, parseAuthorityInfoAccess);
  }

  get certificatePolicies(): readonly PolicyInformation[] | undefined {
    return this.#read(OID.certificatePolicies, parseCertificatePolicies);
  }

  get nameConstraints(): NameConstraints | undefined {
    return this.#read(OID.nameConstraints, parseNameConstraints);
  }

  get policyMappings(): readonly PolicyMapping[] | undefined {
    return this.#read(OID.policyMappings, parsePolicyMappings);
  }

  get policyConstraints(): PolicyConstraints | undefined {
    return this.#read(OID.policyConstraints, parsePolicyConstraints);
  }

  /** After how many more certificates anyPolicy no longer counts. */
  get inhibitAnyPolicy(): number | undefined {
    return this.#read(OID.inhibitAnyPolicy, parseInhibitAnyPolicy);
  }

  get issuerAltName(): readonly GeneralName[] | undefined {
    return this.#read(OID.issuerAltName, parseIssuerAltName);
  }

  /** Where the delta CRLs are. */
  get freshestCrl(): readonly DistributionPoint[] | undefined {
    return this.#read(OID.freshestCRL, parseFreshestCrl);
  }

  get subjectInfoAccess(): readonly AccessDescription[] | undefined {
    return this.#read(OID.subjectInfoAccess, parseSubjectInfoAccess);
  }

  get subjectDirectoryAttributes(): readonly DirectoryAttribute[] | undefined {
    return this.#read(OID.subjectDirectoryAttributes, parseSubjectDirectoryAttributes);
  }

  /** Signed certificate timestamps embedded by Certificate Transparency (RFC 6962 section 3.3). */
  get signedCertificateTimestamps(): readonly SerializedTimestamp[] | undefined {
    return this.#read(OID.signedCertificateTimestamps, parseSignedCertificateTimestamps);
  }

  /** TLS extension numbers (RFC 7633). */
  get tlsFeature(): readonly number[] | undefined {
    return this.#read(OID.tlsFeature, parseTlsFeature);
  }

  /** True when it says that it is a CA's: version 3 with basic constraints that name a CA. */
  get isCa(): boolean {
    return this.version === 3 && this.basicConstraints?.ca === true;
  }

  #read<T>(oid: string, parse: (extension: Extension) => T): T | undefined {
    if (this.#parsed.has(oid)) {
      // Each identifier is read with one parser only, so what is kept under it is that parser's type.
      return this.#parsed.get(oid) as T;
    }
    const extension = this.extension(oid);
    if (extension === undefined) return undefined;
    const value = parse(extension);
    this.#parsed.set(oid, value);
    return value;
  }
}

/**
 * Parses a TBSCertificate alone, the whole of the input, as strictly as `parseCertificate`: for a signer or a linter that
 * looks at what is about to be signed.
 */
export function parseTbsCertificate(der: Uint8Array, limits: DerLimits = CERTIFICATE_LIMITS): TbsCertificate {
  const reader = DerReader.over(der, { limits, path: 'tbsCertificate' });
  const fields = readTbsCertificateFields(reader);
  reader.finish();
  return new TbsCertificate(fields);
}

/** Reads a TBSCertificate from a reader, past it. */
export function readTbsCertificateFields(reader: DerReader): TbsCertificateFields {
  const content = reader.enter(TAG.SEQUENCE);
  return { ...readFields(content), tbs: reader.bytes.subarray(reader.elementStart, reader.position) };
}

function readFields(tbs: DerReader): Omit<TbsCertificateFields, 'tbs'> {
  tbs.path = 'tbsCertificate.version';
  const version = readVersion(tbs);
  tbs.path = 'tbsCertificate.serialNumber';
  const serialNumberBytes = tbs.readIntegerOctets();
  // 20 octets are the limit for issuers; readers are asked for some patience (RFC 5280 section 4.1.2.2).
  if (serialNumberBytes.length > 64) throw tbs.error('limit-exceeded', 'The serial number has more than 64 octets');
  const serialNumber = BigInt.asIntN(serialNumberBytes.length * 8, BigInt(`0x${toHex(serialNumberBytes)}`));
  tbs.path = 'tbsCertificate.signature';
  const signatureAlgorithmDer = tbs.readRaw(TAG.SEQUENCE);
  tbs.path = 'tbsCertificate.issuer';
  const issuer = readName(tbs);
  tbs.path = 'tbsCertificate.validity';
  const validity = tbs.enter(TAG.SEQUENCE);
  const notBefore = validity.readTime();
  const notAfter = validity.readTime();
  const hasProperTimeEncoding = !validity.sawEarlyGeneralizedTime;
  validity.finish();
  tbs.path = 'tbsCertificate.subject';
  const subject = readName(tbs);
  tbs.path = 'tbsCertificate.subjectPublicKeyInfo';
  const spki = tbs.readRaw(TAG.SEQUENCE);
  const spkiOffset = tbs.offset - spki.length;
  const hasUniqueIdentifier = skipUniqueIds(tbs, version);
  tbs.path = 'tbsCertificate.extensions';
  const extensions = readOptionalExtensions(tbs, version);
  tbs.finish();
  return {
    version,
    serialNumberBytes,
    serialNumber,
    signatureAlgorithmDer,
    issuer,
    notBefore,
    notAfter,
    hasProperTimeEncoding,
    subject,
    spki,
    spkiOffset,
    hasUniqueIdentifier,
    extensions,
  };
}

function readVersion(tbs: DerReader): 1 | 2 | 3 {
  if (!tbs.isNext(constructedContextTag(0))) return 1;
  const explicit = tbs.enter(constructedContextTag(0));
  const version = explicit.readSmallInteger(255);
  explicit.finish();
  if (version === 1) return 2;
  if (version === 2) return 3;
  // Version 1 is the default, which DER leaves out.
  throw tbs.error('unsupported-version', 'An encoded version must be 2 or 3');
}

function skipUniqueIds(tbs: DerReader, version: number): boolean {
  const start = tbs.position;
  for (const n of [1, 2]) {
    if (!tbs.isNext(contextTag(n))) continue;
    tbs.path = n === 1 ? 'tbsCertificate.issuerUniqueID' : 'tbsCertificate.subjectUniqueID';
    tbs.readBitString(contextTag(n));
    if (version === 1) throw tbs.error('unsupported-version', 'A version 1 certificate has no unique identifiers');
  }
  return tbs.position > start;
}

function readOptionalExtensions(tbs: DerReader, version: number): readonly Extension[] {
  if (!tbs.isNext(constructedContextTag(3))) return [];
  const explicit = tbs.enter(constructedContextTag(3));
  if (version !== 3) throw tbs.error('unsupported-version', 'Only version 3 certificates have extensions');
  const extensions = readExtensions(explicit);
  explicit.finish();
  return extensions;
}
