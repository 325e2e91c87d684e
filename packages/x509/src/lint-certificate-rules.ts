import { TAG } from './der-tag.ts';
import { describeGeneralName, type GeneralName, generalNameFault } from './general-name.ts';
import type { KeyUsage } from './key-usage.ts';
import type { LintRule } from './lint-finding.ts';
import { attributeValueFault, isEmptyName, nameValues } from './name.ts';
import { sameName } from './name-comparison.ts';
import { OID } from './oid.ts';
import { assertStrongKey, publicKeyDetailsOf } from './public-key.ts';
import type { TbsCertificate } from './tbs-certificate.ts';
import { X509Error } from './x509-error.ts';

type Rule = LintRule<TbsCertificate>;

function error(section: string, check: Rule['check']): Rule {
  return { severity: 'error', section, check };
}

function warning(section: string, check: Rule['check']): Rule {
  return { severity: 'warning', section, check };
}

/** Rules on a TBSCertificate whose extensions can all be read. */
export const CERTIFICATE_LINT_RULES = {
  version: error('RFC 5280 section 4.1.2.1', (tbs) =>
    tbs.version === 3 ? undefined : `the version is ${tbs.version}, not 3`,
  ),
  'serial-number': error('RFC 5280 section 4.1.2.2', (tbs) =>
    tbs.serialNumber > 0n && tbs.serialNumberBytes.length <= 20
      ? undefined
      : 'the serial number must be positive and have at most 20 octets',
  ),
  'serial-number-entropy': warning('Baseline Requirements section 7.1', (tbs) =>
    tbs.serialNumber > 0n && tbs.serialNumber < 1n << 56n
      ? 'the serial number is too short to hold 64 random bits'
      : undefined,
  ),
  'signature-algorithm': error('RFC 5280 section 4.1.2.3', (tbs) => faultOf(() => tbs.signatureAlgorithm)),
  'issuer-name': error('RFC 5280 section 4.1.2.4', (tbs) =>
    isEmptyName(tbs.issuer) ? 'the issuer is empty' : undefined,
  ),
  'validity-encoding': error('RFC 5280 section 4.1.2.5', (tbs) =>
    tbs.hasProperTimeEncoding ? undefined : 'times before 2050 must be UTCTime',
  ),
  validity: error('RFC 5280 section 4.1.2.5', (tbs) =>
    tbs.notBefore.getTime() > tbs.notAfter.getTime() ? 'notBefore is later than notAfter' : undefined,
  ),
  'ca-subject-name': error('RFC 5280 section 4.1.2.6', (tbs) =>
    tbs.isCa && isEmptyName(tbs.subject) ? 'the subject of a CA is empty' : undefined,
  ),
  'subject-attribute-value': error('RFC 5280 appendix A.1', subjectValueFault),
  'subject-attribute-type': error('RFC 5280 section 4.1.2.6', subjectStringFault),
  'subject-public-key': error('RFC 5280 section 4.1.2.7', (tbs) =>
    faultOf(() => assertStrongKey(tbs.publicKey, 'certify')),
  ),
  'unique-identifier': error('RFC 5280 section 4.1.2.8', (tbs) =>
    tbs.hasUniqueIdentifier ? 'unique identifiers must not be generated' : undefined,
  ),
  'authority-key-identifier-missing': error('RFC 5280 section 4.2.1.1', (tbs) =>
    tbs.authorityKeyIdentifier?.keyId === undefined && !sameName(tbs.issuer, tbs.subject)
      ? 'authorityKeyIdentifier with a key identifier is missing'
      : undefined,
  ),
  'authority-key-identifier-critical': error('RFC 5280 section 4.2.1.1', (tbs) =>
    mustNotBeCritical(tbs, OID.authorityKeyIdentifier),
  ),
  'subject-key-identifier-missing': error('RFC 5280 section 4.2.1.2', (tbs) =>
    tbs.isCa && tbs.subjectKeyIdentifier === undefined ? 'a CA certificate needs subjectKeyIdentifier' : undefined,
  ),
  'leaf-subject-key-identifier-missing': warning('RFC 5280 section 4.2.1.2', (tbs) =>
    !tbs.isCa && tbs.subjectKeyIdentifier === undefined ? 'subjectKeyIdentifier should be there' : undefined,
  ),
  'subject-key-identifier-critical': error('RFC 5280 section 4.2.1.2', (tbs) =>
    mustNotBeCritical(tbs, OID.subjectKeyIdentifier),
  ),
  'ca-key-usage': error('RFC 5280 section 4.2.1.3', (tbs) =>
    tbs.isCa && !tbs.keyUsage?.has('keyCertSign') && !tbs.keyUsage?.has('cRLSign')
      ? 'a CA certificate needs keyUsage with keyCertSign or cRLSign'
      : undefined,
  ),
  'key-cert-sign-without-ca': error('RFC 5280 section 4.2.1.9', (tbs) =>
    !tbs.isCa && tbs.keyUsage?.has('keyCertSign') ? 'keyCertSign is there, CA is not' : undefined,
  ),
  'key-usage-not-critical': warning('RFC 5280 section 4.2.1.3', (tbs) =>
    tbs.extension(OID.keyUsage)?.critical === false ? 'keyUsage should be critical' : undefined,
  ),
  'key-usage-of-key': error('RFC 5480 section 3, RFC 8410 section 5, RFC 9881 section 4', keyUsageFault),
  'alternative-name-missing': error('RFC 5280 section 4.2.1.6', (tbs) =>
    !tbs.isCa && isEmptyName(tbs.subject) && tbs.subjectAltName === undefined
      ? 'an empty subject needs subjectAltName'
      : undefined,
  ),
  'server-alternative-name-missing': error('RFC 9525 section 4.1', (tbs) =>
    !tbs.isCa && tbs.extendedKeyUsage?.includes(OID.serverAuth) && tbs.subjectAltName === undefined
      ? 'a server certificate without subjectAltName matches no name'
      : undefined,
  ),
  'alternative-name-not-critical': error('RFC 5280 section 4.2.1.6', (tbs) =>
    isEmptyName(tbs.subject) && tbs.extension(OID.subjectAltName)?.critical === false
      ? 'subjectAltName must be critical beside an empty subject'
      : undefined,
  ),
  'alternative-name-critical': error('Baseline Requirements section 7.1.2.7.12', (tbs) =>
    !isEmptyName(tbs.subject) && tbs.extension(OID.subjectAltName)?.critical
      ? 'subjectAltName must not be critical beside a subject'
      : undefined,
  ),
  'alternative-name-syntax': error('RFC 5280 section 4.2.1.6', (tbs) => nameFault(tbs.subjectAltName ?? [])),
  'common-name-not-alternative': warning('Baseline Requirements section 7.1.4.3', commonNameFault),
  'basic-constraints-not-critical': error('RFC 5280 section 4.2.1.9', (tbs) =>
    tbs.isCa && tbs.extension(OID.basicConstraints)?.critical === false
      ? 'basicConstraints of a CA must be critical'
      : undefined,
  ),
  'path-length-without-key-cert-sign': error('RFC 5280 section 4.2.1.9', (tbs) =>
    tbs.basicConstraints?.pathLength !== undefined && !tbs.keyUsage?.has('keyCertSign')
      ? 'a path length needs keyCertSign'
      : undefined,
  ),
  'name-constraints-place': error('RFC 5280 section 4.2.1.10', (tbs) =>
    tbs.nameConstraints !== undefined && !tbs.isCa ? 'nameConstraints are allowed in CA certificates only' : undefined,
  ),
  'name-constraints-not-critical': error('RFC 5280 section 4.2.1.10', (tbs) =>
    tbs.extension(OID.nameConstraints)?.critical === false ? 'nameConstraints must be critical' : undefined,
  ),
  'any-extended-key-usage': warning('RFC 5280 section 4.2.1.12', (tbs) =>
    tbs.extendedKeyUsage?.includes(OID.anyExtendedKeyUsage)
      ? 'name the purposes instead of anyExtendedKeyUsage'
      : undefined,
  ),
  'distribution-point-syntax': error('RFC 5280 section 4.2.1.13', (tbs) =>
    nameFault((tbs.crlDistributionPoints ?? []).flatMap(({ name }) => (name?.kind === 'fullName' ? name.names : []))),
  ),
  'distribution-point-critical': warning('RFC 5280 section 4.2.1.13', (tbs) =>
    tbs.extension(OID.cRLDistributionPoints)?.critical ? 'cRLDistributionPoints should not be critical' : undefined,
  ),
  'authority-info-access-critical': error('RFC 5280 section 4.2.2.1', (tbs) =>
    mustNotBeCritical(tbs, OID.authorityInfoAccess),
  ),
  'authority-info-access-syntax': error('RFC 5280 section 4.2.2.1', (tbs) =>
    nameFault((tbs.authorityInfoAccess ?? []).map(({ location }) => location)),
  ),
} as const satisfies Record<string, Rule>;

function mustNotBeCritical(tbs: TbsCertificate, oid: string): string | undefined {
  return tbs.extension(oid)?.critical ? `extension ${oid} must not be critical` : undefined;
}

function faultOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (fault) {
    if (fault instanceof X509Error) return fault.message;
    throw fault;
  }
}

function nameFault(names: readonly GeneralName[]): string | undefined {
  for (const name of names) {
    const fault = generalNameFault(name);
    if (fault !== undefined) return `${describeGeneralName(name)}: ${fault}`;
  }
  return undefined;
}

function subjectValueFault(tbs: TbsCertificate): string | undefined {
  for (const attribute of tbs.subject.rdns.flat()) {
    const fault = attribute.value === undefined ? undefined : attributeValueFault(attribute.type, attribute.value);
    if (fault !== undefined) return `${attribute.shortName ?? attribute.type}: ${fault}`;
  }
  return undefined;
}

/** DirectoryStrings are PrintableString or UTF8String; the exceptions are the types whose rule says IA5String. */
function subjectStringFault(tbs: TbsCertificate): string | undefined {
  for (const { type, shortName, valueTag } of tbs.subject.rdns.flat()) {
    const ia5 = type === OID.domainComponent || type === OID.emailAddress;
    const printable = type === OID.countryName || type === OID.serialNumber || type === OID.dnQualifier;
    const right = ia5
      ? valueTag === TAG.IA5_STRING
      : valueTag === TAG.PRINTABLE_STRING || (!printable && valueTag === TAG.UTF8_STRING);
    if (!right) return `${shortName ?? type} has the string type 0x${valueTag.toString(16)}`;
  }
  return undefined;
}

function commonNameFault(tbs: TbsCertificate): string | undefined {
  if (tbs.isCa || tbs.subjectAltName === undefined) return undefined;
  const alternatives = tbs.subjectAltName.flatMap((name) =>
    'value' in name && typeof name.value === 'string' ? [name.value] : [],
  );
  const foreign = nameValues(tbs.subject, 'CN').find((value) => !alternatives.includes(value));
  return foreign === undefined ? undefined : 'the common name is not one of the alternative names';
}

const SIGNING_ONLY: readonly KeyUsage[] = [
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'encipherOnly',
  'decipherOnly',
];
const NOT_WITH_EC: readonly KeyUsage[] = ['keyEncipherment', 'dataEncipherment'];

/** RSA keys of this platform may do all; elliptic curve keys cannot encipher, signature keys can only sign. */
function keyUsageFault(tbs: TbsCertificate): string | undefined {
  const kind = publicKeyDetailsOf(() => tbs.publicKey)?.kind;
  if (kind === undefined || kind === 'rsa' || kind === 'unknown') return undefined;
  const barred = (kind === 'ec' ? NOT_WITH_EC : SIGNING_ONLY).find((usage) => tbs.keyUsage?.has(usage));
  return barred === undefined ? undefined : `${barred} does not go with a ${kind} key`;
}
