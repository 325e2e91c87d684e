import {
  parseCertificateIssuer,
  parseCrlNumber,
  parseDeltaCrlIndicator,
  parseInvalidityDate,
  parseReasonCode,
  type RevocationReason,
} from './crl-extension.ts';
import { type DerLimits, DerReader } from './der-reader.ts';
import { constructedContextTag, TAG } from './der-tag.ts';
import { encodeDer } from './der-writer.ts';
import {
  type DistributionPoint,
  type IssuingDistributionPoint,
  parseFreshestCrl,
  parseIssuingDistributionPoint,
} from './distribution-point.ts';
import { type Extension, findExtension, readExtensions } from './extension.ts';
import type { GeneralName } from './general-name.ts';
import { type AuthorityKeyIdentifier, parseAuthorityKeyIdentifier } from './key-identifier.ts';
import { type Name, readName } from './name.ts';
import { sameName } from './name-comparison.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';
import { serialOctetsToHex } from './serial-number.ts';
import { parseSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** Limits for one CRL: 64 MiB, 24 levels, 16 million elements (some 1.5 million entries). */
export const CRL_LIMITS: DerLimits = { maxBytes: 67_108_864, maxDepth: 24, maxElements: 16_000_000 };

/** Extensions of CRLs and of their entries that are understood here. */
const KNOWN_CRITICAL_CRL = new Set<string>([
  OID.issuingDistributionPoint,
  OID.authorityKeyIdentifier,
  OID.cRLNumber,
  OID.deltaCRLIndicator,
  OID.freshestCRL,
  OID.issuerAltName,
]);
const KNOWN_CRITICAL_ENTRY = new Set<string>([OID.reasonCode, OID.invalidityDate, OID.certificateIssuer]);

/** One revoked certificate of a CRL. */
export interface RevokedCertificate {
  /** Content octets of the serial number. */
  readonly serialNumberBytes: Uint8Array;
  readonly revocationDate: Date;
  /** `unspecified` where the entry gives no reason. */
  readonly reason: RevocationReason;
  readonly invalidityDate: Date | undefined;
  /**
   * Names of the certificate's issuer where the entry itself gives them (RFC 5280 section 5.3.3); without, it is that of
   * the entry before, and of the first entry the CRL's issuer.
   */
  readonly certificateIssuer: readonly GeneralName[] | undefined;
  readonly extensions: readonly Extension[];
}

/** What a TBSCertList holds, as read. */
export interface TbsCertListFields {
  readonly tbs: Uint8Array;
  readonly version: 1 | 2;
  readonly signatureAlgorithmDer: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly hasProperTimeEncoding: boolean;
  readonly entries: { readonly octets: Uint8Array; readonly offset: number; readonly count: number };
  readonly hasUnknownCriticalEntry: boolean;
  /** True where an entry names the issuer of its certificate. */
  readonly hasCertificateIssuers: boolean;
  readonly extensions: readonly Extension[];
}

/**
 * A parsed TBSCertList (RFC 5280 section 5.1.2): what a CRL says, signed or about to be. All of it, each entry included, was checked when it was parsed; entries become
 * objects only when asked for.
 */
export class TbsCertList {
  readonly #fields: TbsCertListFields;

  /** Use `parseTbsCertList` or `parseCertificateList`. */
  constructor(fields: TbsCertListFields) {
    this.#fields = fields;
  }

  /** The exact octets that are signed. */
  get tbs(): Uint8Array {
    return this.#fields.tbs;
  }

  get version(): 1 | 2 {
    return this.#fields.version;
  }

  /** @throws X509Error `weak-algorithm` or `unsupported-algorithm`. */
  get signatureAlgorithm(): SignatureAlgorithm {
    return parseSignatureAlgorithm(this.#fields.signatureAlgorithmDer);
  }

  get issuer(): Name {
    return this.#fields.issuer;
  }

  /** False where one of its two times before 2050 is a GeneralizedTime, which issuers must not write. */
  get hasProperTimeEncoding(): boolean {
    return this.#fields.hasProperTimeEncoding;
  }

  get thisUpdate(): Date {
    return new Date(this.#fields.thisUpdate);
  }

  /** Undefined where the CRL does not say (RFC 5280 wants it, X.509 does not). */
  get nextUpdate(): Date | undefined {
    return this.#fields.nextUpdate === undefined ? undefined : new Date(this.#fields.nextUpdate);
  }

  get extensions(): readonly Extension[] {
    return this.#fields.extensions;
  }

  /** How many certificates are listed. */
  get entryCount(): number {
    return this.#fields.entries.count;
  }

  extension(oid: string): Extension | undefined {
    return findExtension(this.#fields.extensions, oid);
  }

  get crlNumber(): bigint | undefined {
    return mapExtension(this.extension(OID.cRLNumber), parseCrlNumber);
  }

  /** Number of the base CRL; there on delta CRLs only. */
  get deltaCrlIndicator(): bigint | undefined {
    return mapExtension(this.extension(OID.deltaCRLIndicator), parseDeltaCrlIndicator);
  }

  get authorityKeyIdentifier(): AuthorityKeyIdentifier | undefined {
    return mapExtension(this.extension(OID.authorityKeyIdentifier), parseAuthorityKeyIdentifier);
  }

  /** Where the delta CRLs of this CRL are. */
  get freshestCrl(): readonly DistributionPoint[] | undefined {
    return mapExtension(this.extension(OID.freshestCRL), parseFreshestCrl);
  }

  get issuingDistributionPoint(): IssuingDistributionPoint | undefined {
    return mapExtension(this.extension(OID.issuingDistributionPoint), parseIssuingDistributionPoint);
  }

  /** All entries in order of encoding, one at a time. */
  *entries(): Generator<RevokedCertificate> {
    const reader = this.#entryReader();
    while (!reader.atEnd) yield readEntry(reader.enter(TAG.SEQUENCE));
  }

  /**
   * The entry of a serial number, or undefined where it is not listed. Linear in the CRL's size, without an object per
   * entry. The caller has checked signature, time, issuer and scope (issuing distribution point) before.
   * @throws X509Error `unsupported-extension` for a CRL that does not answer the question by itself: a delta or indirect
   * one, or one with an unknown critical extension in the list or in any entry (RFC 5280 section 5.2 and 5.3).
   */
  find(serialNumber: bigint): RevokedCertificate | undefined {
    this.assertUnderstood();
    this.#assertSelfContained();
    return this.#search(serialNumber);
  }

  /**
   * The entry of one issuer's certificate, in any CRL: in an indirect one the issuer of each entry counts (RFC 5280 section
   * 5.3.3), and a delta CRL says what it says. Whether the CRL is the right one to ask is for the caller to know.
   * @throws X509Error `unsupported-extension` where the CRL has an unknown critical extension, in the list or in any entry.
   */
  findIssuedBy(issuer: Name, serialNumber: bigint): RevokedCertificate | undefined {
    this.assertUnderstood();
    if (!this.#fields.hasCertificateIssuers)
      return sameName(issuer, this.issuer) ? this.#search(serialNumber) : undefined;
    const wanted = encodeDer((writer) => writer.integer(serialNumber)).subarray(2);
    let isIssuer = sameName(issuer, this.issuer);
    for (const entry of this.entries()) {
      if (entry.certificateIssuer !== undefined) {
        isIssuer = entry.certificateIssuer.some((name) => name.kind === 'directoryName' && sameName(name.name, issuer));
      }
      if (isIssuer && equalOctets(entry.serialNumberBytes, wanted)) return entry;
    }
    return undefined;
  }

  /** True where an entry names the issuer of its certificate, as only entries of indirect CRLs do. */
  get hasCertificateIssuers(): boolean {
    return this.#fields.hasCertificateIssuers;
  }

  #search(serialNumber: bigint): RevokedCertificate | undefined {
    const wanted = encodeDer((writer) => writer.integer(serialNumber));
    const reader = this.#entryReader();
    while (!reader.atEnd) {
      reader.skip(TAG.SEQUENCE);
      if (startsWith(reader.bytes, { at: reader.valueStart, prefix: wanted }))
        return this.#entryAt(reader.elementStart, reader.position);
    }
    return undefined;
  }

  /**
   * Refuses a CRL that must not be used for any certificate, because something critical in it is not known here (RFC 5280
   * section 5.2 and 5.3).
   * @throws X509Error `unsupported-extension`.
   */
  assertUnderstood(): void {
    const unknown = this.extensions.find((extension) => extension.critical && !KNOWN_CRITICAL_CRL.has(extension.oid));
    if (unknown !== undefined)
      throw new X509Error('unsupported-extension', `The CRL has the unknown critical extension ${unknown.oid}`);
    if (this.#fields.hasUnknownCriticalEntry)
      throw new X509Error('unsupported-extension', 'An entry of the CRL has an unknown critical extension');
  }

  #assertSelfContained(): void {
    if (this.extension(OID.deltaCRLIndicator) !== undefined)
      throw new X509Error('unsupported-extension', 'A delta CRL needs its base');
    if (this.#fields.hasCertificateIssuers || this.issuingDistributionPoint?.indirectCrl)
      throw new X509Error('unsupported-extension', 'An indirect CRL answers for an issuer: use findIssuedBy');
  }

  #entryReader(): DerReader {
    const { octets, offset } = this.#fields.entries;
    return DerReader.over(octets, { limits: CRL_LIMITS, baseOffset: offset, path: 'revokedCertificates' });
  }

  #entryAt(start: number, end: number): RevokedCertificate {
    const { octets, offset } = this.#fields.entries;
    const entry = DerReader.over(octets.subarray(start, end), {
      baseOffset: offset + start,
      path: 'revokedCertificates',
    });
    return readEntry(entry.enter(TAG.SEQUENCE));
  }
}

function mapExtension<T>(extension: Extension | undefined, parse: (extension: Extension) => T): T | undefined {
  return extension === undefined ? undefined : parse(extension);
}

function startsWith(octets: Uint8Array, input: { at: number; prefix: Uint8Array }): boolean {
  const { at, prefix } = input;
  if (at + prefix.length > octets.length) return false;
  for (let i = prefix.length - 1; i >= 0; i--) if (octets[at + i] !== prefix[i]) return false;
  return true;
}

function readEntry(reader: DerReader): RevokedCertificate {
  const serialNumberBytes = reader.readIntegerOctets();
  const revocationDate = new Date(reader.readTime());
  const extensions = reader.atEnd ? [] : readExtensions(reader);
  reader.finish();
  return {
    serialNumberBytes,
    revocationDate,
    reason: mapExtension(findExtension(extensions, OID.reasonCode), parseReasonCode) ?? 'unspecified',
    invalidityDate: mapExtension(findExtension(extensions, OID.invalidityDate), parseInvalidityDate),
    certificateIssuer: mapExtension(findExtension(extensions, OID.certificateIssuer), parseCertificateIssuer),
    extensions,
  };
}

/** Lower-case hexadecimal serial number of an entry, without a sign octet. */
export function revokedSerialHex(entry: RevokedCertificate): string {
  return serialOctetsToHex(entry.serialNumberBytes);
}

/** Parses a TBSCertList alone, the whole of the input, as strictly as `parseCertificateList`. */
export function parseTbsCertList(der: Uint8Array, limits: DerLimits = CRL_LIMITS): TbsCertList {
  const reader = DerReader.over(der, { limits, path: 'tbsCertList' });
  const fields = readTbsCertListFields(reader);
  reader.finish();
  return new TbsCertList(fields);
}

/** Reads a TBSCertList from a reader, past it. */
export function readTbsCertListFields(reader: DerReader): TbsCertListFields {
  const content = reader.enter(TAG.SEQUENCE);
  return { ...readFields(content), tbs: reader.bytes.subarray(reader.elementStart, reader.position) };
}

function readFields(tbs: DerReader): Omit<TbsCertListFields, 'tbs'> {
  tbs.path = 'tbsCertList.version';
  const version = tbs.isNext(TAG.INTEGER) ? 2 : 1;
  // Version 1 is said by leaving the field out, so an encoded one must be 2, whose value is 1.
  if (version === 2 && tbs.readSmallInteger(255) !== 1)
    throw tbs.error('unsupported-version', 'An encoded CRL version must be 2');
  tbs.path = 'tbsCertList.signature';
  const signatureAlgorithmDer = tbs.readRaw(TAG.SEQUENCE);
  tbs.path = 'tbsCertList.issuer';
  const issuer = readName(tbs);
  tbs.path = 'tbsCertList.thisUpdate';
  const thisUpdate = tbs.readTime();
  tbs.path = 'tbsCertList.nextUpdate';
  const nextUpdate = tbs.isNext(TAG.UTC_TIME) || tbs.isNext(TAG.GENERALIZED_TIME) ? tbs.readTime() : undefined;
  const hasProperTimeEncoding = !tbs.sawEarlyGeneralizedTime;
  tbs.path = 'tbsCertList.revokedCertificates';
  const { entries, hasUnknownCriticalEntry, hasCertificateIssuers } = readEntries(tbs, version);
  tbs.path = 'tbsCertList.crlExtensions';
  const extensions = readCrlExtensions(tbs, version);
  tbs.finish();
  return {
    version,
    signatureAlgorithmDer,
    issuer,
    thisUpdate,
    nextUpdate,
    hasProperTimeEncoding,
    entries,
    hasUnknownCriticalEntry,
    hasCertificateIssuers,
    extensions,
  };
}

type EntryFields = Pick<TbsCertListFields, 'entries' | 'hasUnknownCriticalEntry' | 'hasCertificateIssuers'>;

/** Walks all entries once, so that a CRL that was parsed has no bad one. */
function readEntries(tbs: DerReader, version: number): EntryFields {
  if (!tbs.isNext(TAG.SEQUENCE)) {
    const entries = { octets: new Uint8Array(), offset: tbs.offset, count: 0 };
    return { entries, hasUnknownCriticalEntry: false, hasCertificateIssuers: false };
  }
  const list = tbs.enter(TAG.SEQUENCE);
  const octets = tbs.bytes.subarray(tbs.valueStart, tbs.position);
  const offset = list.offset;
  if (list.atEnd)
    throw tbs.error('invalid-structure', 'A list of revoked certificates must be left out where it is empty');
  let count = 0;
  let hasUnknownCriticalEntry = false;
  let hasCertificateIssuers = false;
  for (; !list.atEnd; count++) {
    const entry = list.enter(TAG.SEQUENCE);
    entry.readIntegerOctets();
    entry.readTime();
    if (entry.atEnd) continue;
    if (version === 1)
      throw entry.error('unsupported-version', 'Entries of a version 1 CRL have no extensions', 'next');
    const extensions = readExtensions(entry);
    entry.finish();
    checkEntryExtensions(extensions);
    hasCertificateIssuers ||= findExtension(extensions, OID.certificateIssuer) !== undefined;
    hasUnknownCriticalEntry ||= extensions.some(
      (extension) => extension.critical && !KNOWN_CRITICAL_ENTRY.has(extension.oid),
    );
  }
  return { entries: { octets, offset, count }, hasUnknownCriticalEntry, hasCertificateIssuers };
}

function checkEntryExtensions(extensions: readonly Extension[]): void {
  for (const extension of extensions) {
    if (extension.oid === OID.reasonCode) parseReasonCode(extension);
    else if (extension.oid === OID.invalidityDate) parseInvalidityDate(extension);
    else if (extension.oid === OID.certificateIssuer) parseCertificateIssuer(extension);
  }
}

function readCrlExtensions(tbs: DerReader, version: number): readonly Extension[] {
  if (!tbs.isNext(constructedContextTag(0))) return [];
  const explicit = tbs.enter(constructedContextTag(0));
  if (version === 1) throw tbs.error('unsupported-version', 'A version 1 CRL has no extensions');
  const extensions = readExtensions(explicit);
  explicit.finish();
  return extensions;
}
