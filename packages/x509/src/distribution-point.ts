import type { DerReader } from './der-reader.ts';
import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import type { DerWriter } from './der-writer.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { type GeneralName, readGeneralNames, writeGeneralNames } from './general-name.ts';
import { type NameAttribute, readRdn } from './name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Reasons that a distribution point may be limited to, in order of their bits (RFC 5280 section 4.2.1.13). */
export const REASON_FLAGS = [
  'unused',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

/** One reason of a distribution point. */
export type ReasonFlag = (typeof REASON_FLAGS)[number];

/** Where a distribution point is: full names, or an RDN to be appended to the CRL issuer's name. */
export type DistributionPointName =
  | { readonly kind: 'fullName'; readonly names: readonly GeneralName[] }
  | { readonly kind: 'relativeName'; readonly rdn: readonly NameAttribute[] };

/** One distribution point of a certificate (RFC 5280 section 4.2.1.13). */
export interface DistributionPoint {
  readonly name: DistributionPointName | undefined;
  readonly reasons: ReadonlySet<ReasonFlag> | undefined;
  readonly crlIssuer: readonly GeneralName[] | undefined;
}

/**
 * The cRLDistributionPoints extension, not critical: one distribution point, of one or more URLs under which the same CRL
 * is found.
 */
export function crlDistributionPointsExtension(urls: readonly string[]): Extension {
  return buildExtension({ oid: OID.cRLDistributionPoints, critical: false }, (writer) => {
    const end = writer.mark();
    writeFullName(writer, urls.map(uri));
    writer.close(TAG.SEQUENCE, end);
    writer.close(TAG.SEQUENCE, end);
  });
}

function uri(value: string): GeneralName {
  return { kind: 'uri', value };
}

function writeFullName(writer: DerWriter, names: readonly GeneralName[]): void {
  const end = writer.mark();
  writeGeneralNames(writer, names, constructedContextTag(0));
  // DistributionPointName is a CHOICE, so its tag is explicit.
  writer.close(constructedContextTag(0), end);
}

/** @throws X509Error where the value is malformed, or a point has neither a name nor a CRL issuer. */
export function parseCrlDistributionPoints(extension: Extension): readonly DistributionPoint[] {
  return parsePoints(extension, { oid: OID.cRLDistributionPoints, name: 'cRLDistributionPoints' });
}

/** Freshest CRL (RFC 5280 section 4.2.1.15 and 5.2.6): where the delta CRLs are. */
export function parseFreshestCrl(extension: Extension): readonly DistributionPoint[] {
  return parsePoints(extension, { oid: OID.freshestCRL, name: 'freshestCRL' });
}

function parsePoints(extension: Extension, id: { oid: string; name: string }): readonly DistributionPoint[] {
  return parseExtensionValue(extension, id, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const points: DistributionPoint[] = [];
    while (!sequence.atEnd) points.push(readPoint(sequence.enter(TAG.SEQUENCE)));
    if (points.length === 0) throw reader.error('invalid-extension', 'At least one distribution point must be there');
    return points;
  });
}

function readPoint(reader: DerReader): DistributionPoint {
  const name = readPointName(reader);
  const reasons = reader.isNext(contextTag(1)) ? readReasons(reader, contextTag(1)) : undefined;
  const crlIssuer = reader.isNext(constructedContextTag(2))
    ? readGeneralNames(reader, constructedContextTag(2))
    : undefined;
  reader.finish();
  if (name === undefined && crlIssuer === undefined) {
    throw reader.error('invalid-extension', 'A distribution point must have a name or a CRL issuer');
  }
  return { name, reasons, crlIssuer };
}

function readPointName(reader: DerReader): DistributionPointName | undefined {
  if (!reader.isNext(constructedContextTag(0))) return undefined;
  const choice = reader.enter(constructedContextTag(0));
  const name: DistributionPointName = choice.isNext(constructedContextTag(1))
    ? { kind: 'relativeName', rdn: readRdn(choice, constructedContextTag(1)) }
    : { kind: 'fullName', names: readGeneralNames(choice, constructedContextTag(0)) };
  choice.finish();
  return name;
}

function readReasons(reader: DerReader, tag: number): ReadonlySet<ReasonFlag> {
  const bits = reader.readNamedBits(tag);
  if (bits >= 1 << REASON_FLAGS.length) throw reader.error('invalid-extension', 'The reasons name an unknown bit');
  return new Set(REASON_FLAGS.filter((_, bit) => (bits & (1 << bit)) !== 0));
}

/** What a CRL covers (RFC 5280 section 5.2.5). */
export interface IssuingDistributionPoint {
  readonly name: DistributionPointName | undefined;
  readonly onlyContainsUserCerts: boolean;
  readonly onlyContainsCaCerts: boolean;
  readonly onlySomeReasons: ReadonlySet<ReasonFlag> | undefined;
  readonly indirectCrl: boolean;
  readonly onlyContainsAttributeCerts: boolean;
}

/**
 * The issuingDistributionPoint extension of a direct CRL, critical (RFC 5280 section 5.2.5).
 * @param input.urls URLs exactly as they stand in the certificates' distribution points; may be empty.
 * @throws X509Error `invalid-argument` for both scopes at once, or for an extension that would say nothing.
 */
export function issuingDistributionPointExtension(input: {
  readonly urls: readonly string[];
  readonly onlyContains: 'user-certificates' | 'ca-certificates' | 'all';
}): Extension {
  if (input.urls.length === 0 && input.onlyContains === 'all') {
    throw new X509Error(
      'invalid-argument',
      'An issuing distribution point must say something (RFC 5280 section 5.2.5)',
    );
  }
  return buildExtension({ oid: OID.issuingDistributionPoint, critical: true }, (writer) => {
    const end = writer.mark();
    if (input.onlyContains === 'ca-certificates') writer.boolean(true, contextTag(2));
    if (input.onlyContains === 'user-certificates') writer.boolean(true, contextTag(1));
    if (input.urls.length > 0) writeFullName(writer, input.urls.map(uri));
    writer.close(TAG.SEQUENCE, end);
  });
}

/** @throws X509Error where the value is malformed, empty, or names more than one kind of certificate. */
export function parseIssuingDistributionPoint(extension: Extension): IssuingDistributionPoint {
  const id = { oid: OID.issuingDistributionPoint, name: 'issuingDistributionPoint' };
  return parseExtensionValue(extension, id, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    if (sequence.atEnd) throw reader.error('invalid-extension', 'An issuing distribution point must say something');
    const point: IssuingDistributionPoint = {
      name: readPointName(sequence),
      onlyContainsUserCerts: readFlag(sequence, 1),
      onlyContainsCaCerts: readFlag(sequence, 2),
      onlySomeReasons: sequence.isNext(contextTag(3)) ? readReasons(sequence, contextTag(3)) : undefined,
      indirectCrl: readFlag(sequence, 4),
      onlyContainsAttributeCerts: readFlag(sequence, 5),
    };
    sequence.finish();
    const kinds = [point.onlyContainsUserCerts, point.onlyContainsCaCerts, point.onlyContainsAttributeCerts];
    if (kinds.filter(Boolean).length > 1)
      throw reader.error('invalid-extension', 'At most one kind of certificate may be named');
    return point;
  });
}

function readFlag(reader: DerReader, n: number): boolean {
  if (!reader.isNext(contextTag(n))) return false;
  if (!reader.readBoolean(contextTag(n))) throw reader.error('invalid-value', 'A default value must not be encoded');
  return true;
}
