import { constructedContextTag, contextTag, TAG } from './der-tag.ts';
import { type DerWriter, encodeDer, writeSetOf } from './der-writer.ts';
import {
  type DistributionPoint,
  type DistributionPointName,
  type IssuingDistributionPoint,
  REASON_FLAGS,
  type ReasonFlag,
} from './distribution-point.ts';
import { buildExtension, type Extension } from './extension.ts';
import { writeGeneralNames } from './general-name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/**
 * The cRLDistributionPoints extension from whole distribution points: several, with reasons, with a CRL issuer, with
 * relative names (RFC 5280 section 4.2.1.13). `crlDistributionPointsExtension` is the short way for URLs.
 * @throws X509Error `invalid-argument` for an empty list, or a point with neither name nor CRL issuer.
 */
export function distributionPointsExtension(points: readonly DistributionPoint[]): Extension {
  return buildPoints(OID.cRLDistributionPoints, points);
}

/** The freshestCRL extension of a certificate or CRL, not critical (RFC 5280 section 4.2.1.15 and 5.2.6). */
export function freshestCrlExtension(points: readonly DistributionPoint[]): Extension {
  return buildPoints(OID.freshestCRL, points);
}

function buildPoints(oid: string, points: readonly DistributionPoint[]): Extension {
  if (points.length === 0) throw new X509Error('invalid-argument', 'Give at least one distribution point');
  return buildExtension({ oid, critical: false }, (writer) => {
    const end = writer.mark();
    for (const point of points.toReversed()) writePoint(writer, point);
    writer.close(TAG.SEQUENCE, end);
  });
}

function writePoint(writer: DerWriter, point: DistributionPoint): void {
  if (point.name === undefined && point.crlIssuer === undefined) {
    throw new X509Error('invalid-argument', 'A distribution point must have a name or a CRL issuer');
  }
  const end = writer.mark();
  if (point.crlIssuer !== undefined) writeGeneralNames(writer, point.crlIssuer, constructedContextTag(2));
  if (point.reasons !== undefined) writer.namedBits(reasonBits(point.reasons), contextTag(1));
  if (point.name !== undefined) writePointName(writer, point.name);
  writer.close(TAG.SEQUENCE, end);
}

function writePointName(writer: DerWriter, name: DistributionPointName): void {
  const end = writer.mark();
  if (name.kind === 'fullName') {
    writeGeneralNames(writer, name.names, constructedContextTag(0));
  } else {
    const attributes = name.rdn.map(({ type, valueDer }) =>
      encodeDer((attribute) => {
        attribute.raw(valueDer);
        attribute.oid(type);
        attribute.close(TAG.SEQUENCE, 0);
      }),
    );
    writeSetOf(writer, attributes, constructedContextTag(1));
  }
  // DistributionPointName is a CHOICE, so its tag is explicit.
  writer.close(constructedContextTag(0), end);
}

function reasonBits(reasons: ReadonlySet<ReasonFlag>): number {
  if (reasons.size === 0) throw new X509Error('invalid-argument', 'Leave the reasons out instead of giving none');
  return REASON_FLAGS.reduce((bits, reason, bit) => (reasons.has(reason) ? bits | (1 << bit) : bits), 0);
}

/**
 * The issuingDistributionPoint extension with all that it can say, critical (RFC 5280 section 5.2.5): scopes, reasons,
 * indirect CRLs. `issuingDistributionPointExtension` is the short way for direct CRLs.
 * @throws X509Error `invalid-argument` where it would say nothing or names more than one kind of certificate.
 */
export function scopedIssuingDistributionPointExtension(point: IssuingDistributionPoint): Extension {
  const kinds = [point.onlyContainsUserCerts, point.onlyContainsCaCerts, point.onlyContainsAttributeCerts];
  const count = kinds.filter(Boolean).length;
  if (count > 1) throw new X509Error('invalid-argument', 'At most one kind of certificate may be named');
  if (count === 0 && point.name === undefined && point.onlySomeReasons === undefined && !point.indirectCrl) {
    throw new X509Error('invalid-argument', 'An issuing distribution point must say something');
  }
  return buildExtension({ oid: OID.issuingDistributionPoint, critical: true }, (writer) => {
    const end = writer.mark();
    if (point.onlyContainsAttributeCerts) writer.boolean(true, contextTag(5));
    if (point.indirectCrl) writer.boolean(true, contextTag(4));
    if (point.onlySomeReasons !== undefined) writer.namedBits(reasonBits(point.onlySomeReasons), contextTag(3));
    if (point.onlyContainsCaCerts) writer.boolean(true, contextTag(2));
    if (point.onlyContainsUserCerts) writer.boolean(true, contextTag(1));
    if (point.name !== undefined) writePointName(writer, point.name);
    writer.close(TAG.SEQUENCE, end);
  });
}
