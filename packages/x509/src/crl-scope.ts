import type { Certificate } from './certificate.ts';
import type { CertificateList } from './certificate-list.ts';
import { TAG } from './der-tag.ts';
import { encodeDer, writeSetOf } from './der-writer.ts';
import {
  type DistributionPoint,
  type DistributionPointName,
  type IssuingDistributionPoint,
  REASON_FLAGS,
  type ReasonFlag,
} from './distribution-point.ts';
import { type GeneralName, writeRawGeneralName } from './general-name.ts';
import { type Name, type NameAttribute, parseName } from './name.ts';
import { sameName } from './name-comparison.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';

/** All reasons for which a certificate can be revoked: `unused` stands for none. */
export const ALL_REASONS: ReadonlySet<ReasonFlag> = new Set(REASON_FLAGS.filter((reason) => reason !== 'unused'));

/** Whether a CRL is about a certificate at a distribution point, and for which reasons; or why it is not. */
export type CrlScope =
  | { readonly kind: 'applies'; readonly reasons: ReadonlySet<ReasonFlag> }
  | { readonly kind: 'other'; readonly detail: string };

/**
 * RFC 5280 section 6.3.3 b and d, without signature and time.
 * @param point A distribution point of the certificate; undefined for the one that RFC 5280 assumes besides: CRLs of the
 * certificate's issuer that no distribution point names.
 */
export function scopeOf(
  list: CertificateList,
  certificate: Certificate,
  point: DistributionPoint | undefined,
): CrlScope {
  const scope = list.issuingDistributionPoint;
  const wrongIssuer = issuerFault(list, certificate, point);
  if (wrongIssuer !== undefined) return { kind: 'other', detail: wrongIssuer };
  if (scope === undefined) return { kind: 'applies', reasons: point?.reasons ?? ALL_REASONS };
  if (scope.name !== undefined && !isNamed(scope.name, { list, certificate, point }))
    return { kind: 'other', detail: 'it is of another distribution point' };
  if (scope.onlyContainsUserCerts && certificate.isCa) return { kind: 'other', detail: 'it is not about CAs' };
  if (scope.onlyContainsCaCerts && !certificate.isCa) return { kind: 'other', detail: 'it is about CAs only' };
  if (scope.onlyContainsAttributeCerts) return { kind: 'other', detail: 'it is about attribute certificates' };
  return { kind: 'applies', reasons: reasonsOf(scope, point) };
}

/** Step b 1. */
function issuerFault(
  list: CertificateList,
  certificate: Certificate,
  point: DistributionPoint | undefined,
): string | undefined {
  if (point?.crlIssuer === undefined) {
    return sameName(list.issuer, certificate.issuer) ? undefined : 'it is of another issuer';
  }
  const named = directoryNames(point.crlIssuer).some((name) => sameName(name, list.issuer));
  if (!named) return 'it is not of the CRL issuer that the certificate names';
  const isOwn = sameName(list.issuer, certificate.issuer);
  return isOwn || list.issuingDistributionPoint?.indirectCrl
    ? undefined
    : 'it is of another issuer and does not say that it is indirect';
}

/** Step d. */
function reasonsOf(scope: IssuingDistributionPoint, point: DistributionPoint | undefined): ReadonlySet<ReasonFlag> {
  const [mine, theirs] = [scope.onlySomeReasons ?? ALL_REASONS, point?.reasons ?? ALL_REASONS];
  return mine.intersection(theirs).intersection(ALL_REASONS);
}

/** Step b 2 i: one of the CRL's names is one of the distribution point's. */
function isNamed(
  name: DistributionPointName,
  about: { list: CertificateList; certificate: Certificate; point: DistributionPoint | undefined },
): boolean {
  const { list, certificate, point } = about;
  const mine = expand(name, [list.issuer]);
  // The assumed distribution point has the name of the certificate's issuer.
  if (point === undefined) return overlaps(mine, [{ kind: 'directoryName', name: certificate.issuer }]);
  const crlIssuers = point.crlIssuer === undefined ? [certificate.issuer] : directoryNames(point.crlIssuer);
  if (point.name === undefined) return overlaps(mine, point.crlIssuer ?? []);
  return overlaps(mine, expand(point.name, crlIssuers));
}

/** Full names; a relative one is appended to the CRL issuer's name (section 4.2.1.13). */
function expand(name: DistributionPointName, crlIssuers: readonly Name[]): readonly GeneralName[] {
  if (name.kind === 'fullName') return name.names;
  return crlIssuers.map((issuer) => ({ kind: 'directoryName', name: appendRdn(issuer, name.rdn) }));
}

function appendRdn(name: Name, rdn: readonly NameAttribute[]): Name {
  const attributes = rdn.map(({ type, valueDer }) =>
    encodeDer((writer) => {
      writer.raw(valueDer);
      writer.oid(type);
      writer.close(TAG.SEQUENCE, 0);
    }),
  );
  const headerLength = 2 + ((name.der[1] ?? 0) < 0x80 ? 0 : (name.der[1] ?? 0) & 0x7f);
  return parseName(
    encodeDer((writer) => {
      writeSetOf(writer, attributes);
      writer.raw(name.der.subarray(headerLength));
      writer.close(TAG.SEQUENCE, 0);
    }),
  );
}

function overlaps(a: readonly GeneralName[], b: readonly GeneralName[]): boolean {
  return a.some((left) => b.some((right) => sameGeneralName(left, right)));
}

function sameGeneralName(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === 'directoryName' && b.kind === 'directoryName') return sameName(a.name, b.name);
  // The rest as it stands: for URIs RFC 5280 section 7.4 asks for no more here.
  const encode = (name: GeneralName): Uint8Array => encodeDer((writer) => writeRawGeneralName(writer, name));
  return a.kind === b.kind && equalOctets(encode(a), encode(b));
}

function directoryNames(names: readonly GeneralName[]): readonly Name[] {
  return names.flatMap((name) => (name.kind === 'directoryName' ? [name.name] : []));
}

/** Whether a delta CRL may be applied to a complete one (RFC 5280 section 5.2.4 and 6.3.3 c), times and signatures aside. */
export function isDeltaOf(delta: CertificateList, complete: CertificateList): boolean {
  const [base, number, baseNumber] = [delta.deltaCrlIndicator, delta.crlNumber, complete.crlNumber];
  if (base === undefined || number === undefined || baseNumber === undefined) return false;
  if (!sameName(delta.issuer, complete.issuer) || baseNumber < base || number < baseNumber) return false;
  return DELTA_MUST_SHARE.every((oid) => {
    const [mine, theirs] = [delta.extension(oid)?.value, complete.extension(oid)?.value];
    return mine === undefined || theirs === undefined ? mine === theirs : equalOctets(mine, theirs);
  });
}

/** Extensions that a delta CRL and its base have alike: same scope, same key. */
const DELTA_MUST_SHARE = [OID.issuingDistributionPoint, OID.authorityKeyIdentifier] as const;
