import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { type GeneralName, readGeneralNames, writeGeneralNames } from './general-name.ts';
import type { Name } from './name.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

/** Reasons of revocation and their codes (RFC 5280 section 5.3.1). Code 7 is not used. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

/** Why a certificate was revoked. */
export type RevocationReason = keyof typeof REVOCATION_REASONS;

const REASON_BY_CODE: ReadonlyMap<number, RevocationReason> = new Map(
  // The entries of a constant object literal have exactly its declared keys.
  Object.entries(REVOCATION_REASONS).map(([reason, code]) => [code, reason as RevocationReason]),
);

/** The reason of a code, or undefined for a code that RFC 5280 does not have. */
export function revocationReasonOf(code: number): RevocationReason | undefined {
  return REASON_BY_CODE.get(code);
}

/** The cRLNumber extension, not critical (RFC 5280 section 5.2.3). @param number From 0, at most 20 octets. */
export function crlNumberExtension(number: bigint): Extension {
  if (number < 0n || number >= 1n << 159n)
    throw new X509Error('invalid-argument', 'A CRL number has at most 20 octets and is not negative');
  return buildExtension({ oid: OID.cRLNumber, critical: false }, (writer) => writer.integer(number));
}

/**
 * The deltaCRLIndicator extension of a delta CRL, critical (RFC 5280 section 5.2.4).
 * @param base Number of the complete CRL that the delta is to be applied to.
 */
export function deltaCrlIndicatorExtension(base: bigint): Extension {
  return { ...crlNumberExtension(base), oid: OID.deltaCRLIndicator, critical: true };
}

/**
 * The certificateIssuer extension of an entry of an indirect CRL, critical (RFC 5280 section 5.3.3): this entry and those
 * after it are about certificates of this issuer.
 */
export function certificateIssuerExtension(issuer: Name): Extension {
  return buildExtension({ oid: OID.certificateIssuer, critical: true }, (writer) =>
    writeGeneralNames(writer, [{ kind: 'directoryName', name: issuer }]),
  );
}

/** @throws X509Error where the number is negative or has more than 20 octets. */
export function parseCrlNumber(extension: Extension): bigint {
  return parseNumber(extension, { oid: OID.cRLNumber, name: 'cRLNumber' });
}

/** Number of the base CRL of a delta CRL (RFC 5280 section 5.2.4). */
export function parseDeltaCrlIndicator(extension: Extension): bigint {
  return parseNumber(extension, { oid: OID.deltaCRLIndicator, name: 'deltaCRLIndicator' });
}

function parseNumber(extension: Extension, id: { oid: string; name: string }): bigint {
  return parseExtensionValue(extension, id, (reader) => {
    const number = reader.readInteger(20);
    if (number < 0n) throw reader.error('invalid-extension', 'A CRL number is not negative');
    return number;
  });
}

/**
 * The reasonCode extension of a CRL entry, not critical (RFC 5280 section 5.3.1).
 * @throws X509Error `invalid-argument` for `unspecified`, which is said by leaving the extension out.
 */
export function reasonCodeExtension(reason: RevocationReason): Extension {
  if (reason === 'unspecified')
    throw new X509Error('invalid-argument', 'Leave the reason code out instead of writing unspecified');
  return buildExtension({ oid: OID.reasonCode, critical: false }, (writer) =>
    writer.integer(REVOCATION_REASONS[reason], TAG.ENUMERATED),
  );
}

/** @throws X509Error for a malformed value or a code that RFC 5280 does not have. */
export function parseReasonCode(extension: Extension): RevocationReason {
  return parseExtensionValue(extension, { oid: OID.reasonCode, name: 'reasonCode' }, (reader) => {
    const reason = REASON_BY_CODE.get(reader.readSmallInteger(255, TAG.ENUMERATED));
    if (reason === undefined) throw reader.error('invalid-extension', 'The reason code is not known');
    return reason;
  });
}

/** The invalidityDate extension of a CRL entry, not critical (RFC 5280 section 5.3.2). Whole seconds. */
export function invalidityDateExtension(date: Date): Extension {
  return buildExtension({ oid: OID.invalidityDate, critical: false }, (writer) => writer.generalizedTime(date));
}

export function parseInvalidityDate(extension: Extension): Date {
  const id = { oid: OID.invalidityDate, name: 'invalidityDate' };
  return parseExtensionValue(extension, id, (reader) => new Date(reader.readGeneralizedTime()));
}

/** Issuer of the certificate of an entry in an indirect CRL (RFC 5280 section 5.3.3). */
export function parseCertificateIssuer(extension: Extension): readonly GeneralName[] {
  const id = { oid: OID.certificateIssuer, name: 'certificateIssuer' };
  return parseExtensionValue(extension, id, (reader) => readGeneralNames(reader));
}
