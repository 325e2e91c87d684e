import type { Certificate } from './certificate.ts';
import { isDnsName } from './dns-name.ts';
import { isEmptyName, nameValues } from './name.ts';
import { sameName } from './name-comparison.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';

/** Where a certificate stands in a path. */
export type PathRole = 'leaf' | 'intermediate' | 'anchor';

/**
 * Checks of one certificate against a profile: what RFC 5280 section 4 or the CA/Browser Forum Baseline Requirements ask
 * of it beyond what the path algorithm of section 6 needs. A policy names those that it enforces. Each gives a text for
 * what is wrong, or undefined.
 */
export const PROFILE_RULES = {
  /** RFC 5280 section 4.1.2.2. Roots in wide use have the serial number 0, and nothing refers to it. */
  'serial-number': (certificate, role) =>
    role === 'anchor' || (certificate.serialNumber > 0n && certificate.serialNumberBytes.length <= 20)
      ? undefined
      : 'the serial number must be positive and have at most 20 octets',
  /** RFC 5280 section 4.1.2.5: UTCTime through 2049. */
  'validity-encoding': (certificate) =>
    certificate.hasProperTimeEncoding ? undefined : 'times before 2050 must be UTCTime',
  /** RFC 5280 section 4.1.2.1. */
  'version-3': (certificate) =>
    certificate.version === 3 ? undefined : `version ${certificate.version} has no extensions`,
  /** RFC 5280 section 4.1.2.4. */
  'issuer-name': (certificate) => (isEmptyName(certificate.issuer) ? 'the issuer must not be empty' : undefined),
  /** RFC 5280 section 4.1.2.6. */
  'subject-name': (certificate) => {
    if (!isEmptyName(certificate.subject)) return undefined;
    if (certificate.isCa) return 'the subject of a CA must not be empty';
    return certificate.extension(OID.subjectAltName)?.critical
      ? undefined
      : 'an empty subject needs a critical subjectAltName (section 4.2.1.6)';
  },
  /** RFC 5280 section 4.2.1.1, 4.2.1.2, 4.2.2.1, 4.2.2.2: extensions that must not be critical. */
  'extension-not-critical': (certificate) => {
    const critical = NEVER_CRITICAL.find(([oid]) => certificate.extension(oid)?.critical);
    return critical === undefined ? undefined : `${critical[1]} must not be critical`;
  },
  /** RFC 5280 section 4.2.1.9, 4.2.1.10, 4.2.1.11, 4.2.1.14: extensions that must be critical in a CA's certificate. */
  'extension-critical': (certificate) => {
    const found = MUST_BE_CRITICAL.find(([oid]) => certificate.extension(oid)?.critical === false);
    return found === undefined || !certificate.isCa ? undefined : `${found[1]} must be critical in a CA certificate`;
  },
  /** RFC 5280 section 4.2.1.1: a key identifier of the authority in all but self-signed certificates. */
  'authority-key-identifier': (certificate) =>
    certificate.authorityKeyIdentifier?.keyId === undefined && !sameName(certificate.issuer, certificate.subject)
      ? 'authorityKeyIdentifier with a key identifier must be there'
      : undefined,
  /** RFC 5280 section 4.2.1.2. */
  'subject-key-identifier': (certificate) =>
    certificate.isCa && certificate.subjectKeyIdentifier === undefined
      ? 'subjectKeyIdentifier must be there in a CA certificate'
      : undefined,
  /** RFC 5280 section 4.2.1.10. */
  'name-constraints-place': (certificate) =>
    certificate.nameConstraints !== undefined && !certificate.isCa
      ? 'nameConstraints are allowed in CA certificates only'
      : undefined,
  /** RFC 5280 section 4.2.1.3 and 4.2.1.9: keyCertSign and CA go together. */
  'key-cert-sign': (certificate) => {
    const signs = certificate.keyUsage?.has('keyCertSign');
    if (signs && !certificate.isCa) return 'keyCertSign is allowed in CA certificates only';
    return certificate.isCa && certificate.basicConstraints?.pathLength !== undefined && signs !== true
      ? 'a path length needs keyCertSign'
      : undefined;
  },
  /** Baseline Requirements section 7.1.2.7.8. */
  'leaf-not-ca': (certificate, role) => (role === 'leaf' && certificate.isCa ? 'the leaf must not be a CA' : undefined),
  /** Baseline Requirements section 7.1.2.7.12. */
  'leaf-alternative-name': (certificate, role) => {
    if (role !== 'leaf') return undefined;
    const extension = certificate.extension(OID.subjectAltName);
    if (extension === undefined) return 'subjectAltName must be there';
    return extension.critical && !isEmptyName(certificate.subject)
      ? 'subjectAltName must not be critical beside a subject'
      : undefined;
  },
  /** Baseline Requirements section 7.1.2.7.10: a purpose of its own, not critical, not any. */
  'leaf-extended-key-usage': (certificate, role) => {
    if (role !== 'leaf') return undefined;
    const purposes = certificate.extendedKeyUsage;
    if (purposes === undefined) return 'extKeyUsage must be there';
    if (purposes.includes(OID.anyExtendedKeyUsage)) return 'anyExtendedKeyUsage is not allowed';
    return certificate.extension(OID.extendedKeyUsage)?.critical ? 'extKeyUsage must not be critical' : undefined;
  },
  /**
   * Baseline Requirements section 7.1.4.3: a common name is a character-for-character copy of an alternative name. One
   * that reads as a host name is left alone beside alternative names without any host name, which it cannot be mistaken for.
   */
  'leaf-common-name': (certificate, role) => {
    if (role !== 'leaf') return undefined;
    const alternatives = certificate.subjectAltName ?? [];
    const hosts = alternatives.flatMap((name) => (name.kind === 'dns' ? [name.value] : []));
    const addresses = alternatives.flatMap((name) => (name.kind === 'ip' ? [name.value] : []));
    const foreign = nameValues(certificate.subject, 'CN').find(
      (value) => !hosts.includes(value) && !addresses.includes(value) && (hosts.length > 0 || !isDnsName(value)),
    );
    return foreign === undefined ? undefined : 'the common name is not one of the alternative names';
  },
  /** Baseline Requirements section 7.1.2.1.2. */
  'root-extended-key-usage': (certificate, role) =>
    role === 'anchor' && certificate.extendedKeyUsage !== undefined ? 'a root must not have extKeyUsage' : undefined,
  /** Baseline Requirements section 7.1.2.1.3. */
  'root-authority-key-identifier': (certificate, role) => {
    const identifier = role === 'anchor' ? certificate.authorityKeyIdentifier : undefined;
    if (identifier === undefined || !sameName(certificate.issuer, certificate.subject)) return undefined;
    if (identifier.issuer !== undefined)
      return 'a root must not name an issuer and serial number in authorityKeyIdentifier';
    const subjectKeyId = certificate.subjectKeyIdentifier;
    return identifier.keyId !== undefined && subjectKeyId !== undefined && equalOctets(identifier.keyId, subjectKeyId)
      ? undefined
      : 'authorityKeyIdentifier of a root must be its subjectKeyIdentifier';
  },
  /** Baseline Requirements section 6.1.5 and 6.1.6. */
  'rsa-modulus-octets': (certificate) => {
    const { details } = certificate.publicKey;
    return details.kind === 'rsa' && details.modulusBits % 8 !== 0
      ? 'the bits of an RSA modulus must be a multiple of 8'
      : undefined;
  },
} as const satisfies Record<string, (certificate: Certificate, role: PathRole) => string | undefined>;

/** Name of a profile rule. */
export type ProfileRule = keyof typeof PROFILE_RULES;

const NEVER_CRITICAL: readonly (readonly [string, string])[] = [
  [OID.authorityKeyIdentifier, 'authorityKeyIdentifier'],
  [OID.subjectKeyIdentifier, 'subjectKeyIdentifier'],
  [OID.authorityInfoAccess, 'authorityInfoAccess'],
  [OID.subjectInfoAccess, 'subjectInfoAccess'],
];

const MUST_BE_CRITICAL: readonly (readonly [string, string])[] = [
  [OID.basicConstraints, 'basicConstraints'],
  [OID.nameConstraints, 'nameConstraints'],
  [OID.policyConstraints, 'policyConstraints'],
  [OID.inhibitAnyPolicy, 'inhibitAnyPolicy'],
];
