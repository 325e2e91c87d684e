import type { AttributeName } from './attribute-type.ts';
import type { GeneralName } from './general-name.ts';
import { isInNetwork, parseIpAddress, parseIpNetwork } from './ip-address.ts';
import type { LintRule } from './lint-finding.ts';
import { nameValues } from './name.ts';
import { sameName } from './name-comparison.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';
import { publicKeyDetailsOf } from './public-key.ts';
import type { TbsCertificate } from './tbs-certificate.ts';
import { X509Error } from './x509-error.ts';

type Rule = LintRule<TbsCertificate>;

function error(section: string, check: Rule['check']): Rule {
  return { severity: 'error', section: `Baseline Requirements section ${section}`, check };
}

function warning(section: string, check: Rule['check']): Rule {
  return { severity: 'warning', section: `Baseline Requirements section ${section}`, check };
}

/** A rule on certificates of TLS servers. */
function server(check: Rule['check']): Rule['check'] {
  return (tbs) => (isServer(tbs) ? check(tbs) : undefined);
}

/** A rule on CAs below a root. */
function subordinate(check: Rule['check']): Rule['check'] {
  return (tbs) => (tbs.isCa && !isRoot(tbs) ? check(tbs) : undefined);
}

function root(check: Rule['check']): Rule['check'] {
  return (tbs) => (tbs.isCa && isRoot(tbs) ? check(tbs) : undefined);
}

function isServer(tbs: TbsCertificate): boolean {
  const purposes = tbs.extendedKeyUsage;
  return !tbs.isCa && (purposes === undefined || purposes.includes(OID.serverAuth));
}

function isRoot(tbs: TbsCertificate): boolean {
  return sameName(tbs.issuer, tbs.subject);
}

/**
 * Rules of the CA/Browser Forum's Baseline Requirements for TLS servers of the public web, beyond those that every issuer
 * is held to. They are applied with the profile `publicTls` and relaxed by `privatePki`, each with its reason.
 */
export const BASELINE_LINT_RULES = {
  'br-validity': error('6.3.2', server(validityFault)),
  'br-alternative-name-missing': error(
    '7.1.2.7.12',
    server((tbs) => (tbs.subjectAltName === undefined ? 'subjectAltName must be there' : undefined)),
  ),
  'br-alternative-name-kind': error(
    '7.1.2.7.12',
    server((tbs) => {
      const other = tbs.subjectAltName?.find(({ kind }) => kind !== 'dns' && kind !== 'ip');
      return other === undefined ? undefined : `alternative names of kind ${other.kind} are not allowed`;
    }),
  ),
  'br-internal-name': error(
    '4.2.2',
    server((tbs) => (tbs.subjectAltName ?? []).map(internalFault).find(Boolean)),
  ),
  'br-purpose-missing': error('7.1.2.7.10', (tbs) =>
    !tbs.isCa && tbs.extendedKeyUsage === undefined ? 'extKeyUsage must be there' : undefined,
  ),
  'br-purpose-mixed': error(
    '7.1.2.7.10',
    server((tbs) => {
      const barred = tbs.extendedKeyUsage?.find((purpose) => BARRED_WITH_SERVER.has(purpose));
      return barred === undefined ? undefined : `purpose ${barred} must not stand beside serverAuth`;
    }),
  ),
  'br-purpose-critical': warning('7.1.2.7.10', (tbs) =>
    tbs.extension(OID.extendedKeyUsage)?.critical ? 'extKeyUsage should not be critical' : undefined,
  ),
  'br-policy-missing': error(
    '7.1.2.7.9',
    server((tbs) =>
      tbs.certificatePolicies?.some(({ policy }) => RESERVED_POLICIES.has(policy))
        ? undefined
        : 'one of the reserved policies 2.23.140.1.1 and 2.23.140.1.2.1 to 3 must be there',
    ),
  ),
  'br-issuer-location-missing': error(
    '7.1.2.7.7',
    server((tbs) =>
      tbs.authorityInfoAccess?.some(({ method }) => method === OID.accessCaIssuers)
        ? undefined
        : 'authorityInfoAccess must say where the certificate of the issuer is',
    ),
  ),
  'br-access-scheme': error('7.1.2.7.7', (tbs) => {
    const other = tbs.authorityInfoAccess?.find(({ location }) => !isPlainHttp(location));
    return other === undefined ? undefined : 'locations of authorityInfoAccess must be http URLs';
  }),
  'br-revocation-missing': error(
    '7.1.2.11.2',
    server((tbs) =>
      tbs.crlDistributionPoints !== undefined || hasOcsp(tbs) || lifetimeDays(tbs) <= 7
        ? undefined
        : 'it says nowhere where its revocation is published',
    ),
  ),
  'br-distribution-point-form': error('7.1.2.11.2', (tbs) => {
    const odd = tbs.crlDistributionPoints?.some(
      ({ name, reasons, crlIssuer }) =>
        reasons !== undefined || crlIssuer !== undefined || name?.kind !== 'fullName' || !name.names.every(isPlainHttp),
    );
    return odd ? 'distribution points must be http URLs and nothing else' : undefined;
  }),
  'br-organizational-unit': error(
    '7.1.2.7.2',
    server((tbs) => (nameValues(tbs.subject, 'OU').length > 0 ? 'organizational units must not be there' : undefined)),
  ),
  'br-subject-repeated': error('7.1.4.1', (tbs) => {
    const repeated = SINGLE_ATTRIBUTES.find((type) => nameValues(tbs.subject, type).length > 1);
    return repeated === undefined ? undefined : `the subject has more than one ${repeated}`;
  }),
  'br-key-usage': error(
    '7.1.2.7.11',
    server((tbs) => {
      const usage = tbs.keyUsage;
      if (usage === undefined) return undefined;
      const needed = usage.has('digitalSignature') || usage.has('keyEncipherment') || usage.has('keyAgreement');
      return needed && !usage.has('keyCertSign') && !usage.has('cRLSign')
        ? undefined
        : 'the key usage is not one of a server';
    }),
  ),
  'br-key-algorithm': error('6.1.5', (tbs) => {
    const kind = publicKeyDetailsOf(() => tbs.publicKey)?.kind;
    return kind === undefined || kind === 'rsa' || kind === 'ec' ? undefined : `${kind} keys are not allowed`;
  }),
  'br-rsa-modulus': error('6.1.5', (tbs) => {
    const details = publicKeyDetailsOf(() => tbs.publicKey);
    return details?.kind === 'rsa' && details.modulusBits % 8 !== 0
      ? 'the bits of an RSA modulus must be a multiple of 8'
      : undefined;
  }),
  'br-signature-algorithm': error('7.1.3.2', (tbs) => {
    const algorithm = algorithmOf(tbs);
    return algorithm === undefined || algorithm.startsWith('rsa-') || algorithm.startsWith('ecdsa-')
      ? undefined
      : `${algorithm} is not allowed`;
  }),
  'br-ca-subject': error('7.1.2.10.2', (tbs) => {
    if (!tbs.isCa) return undefined;
    const missing = (['CN', 'O', 'C'] as const).find((type) => nameValues(tbs.subject, type).length === 0);
    return missing === undefined ? undefined : `the subject of a CA has no ${missing}`;
  }),
  'br-ca-key-usage': error('7.1.2.10.7', (tbs) =>
    !tbs.isCa || (tbs.keyUsage?.has('keyCertSign') && tbs.keyUsage.has('cRLSign'))
      ? undefined
      : 'a CA needs both keyCertSign and cRLSign',
  ),
  'br-ca-key-usage-critical': error('7.1.2.10.7', (tbs) =>
    tbs.isCa && tbs.extension(OID.keyUsage)?.critical === false ? 'keyUsage of a CA must be critical' : undefined,
  ),
  'br-subordinate-purpose': error(
    '7.1.2.10.6',
    subordinate((tbs) => {
      if (tbs.extendedKeyUsage === undefined) return 'extKeyUsage must be there in a subordinate CA';
      return tbs.extendedKeyUsage.includes(OID.anyExtendedKeyUsage) ? 'anyExtendedKeyUsage is not allowed' : undefined;
    }),
  ),
  'br-subordinate-policy': error(
    '7.1.2.10.5',
    subordinate((tbs) => (tbs.certificatePolicies === undefined ? 'certificatePolicies must be there' : undefined)),
  ),
  'br-subordinate-revocation': error(
    '7.1.2.11.2',
    subordinate((tbs) => (tbs.crlDistributionPoints === undefined ? 'cRLDistributionPoints must be there' : undefined)),
  ),
  'br-root-purpose': error(
    '7.1.2.1.2',
    root((tbs) => (tbs.extendedKeyUsage === undefined ? undefined : 'a root must not have extKeyUsage')),
  ),
  'br-root-policy': warning(
    '7.1.2.1.2',
    root((tbs) => (tbs.certificatePolicies === undefined ? undefined : 'a root should not have certificatePolicies')),
  ),
  'br-root-path-length': warning(
    '7.1.2.1.4',
    root((tbs) => (tbs.basicConstraints?.pathLength === undefined ? undefined : 'a root should have no path length')),
  ),
  'br-root-authority-key-identifier': error(
    '7.1.2.1.3',
    root((tbs) => {
      const [authority, subject] = [tbs.authorityKeyIdentifier, tbs.subjectKeyIdentifier];
      if (authority === undefined || subject === undefined) return undefined;
      return authority.keyId !== undefined && equalOctets(authority.keyId, subject) && authority.issuer === undefined
        ? undefined
        : 'authorityKeyIdentifier of a root must be its subjectKeyIdentifier and nothing else';
    }),
  ),
  'br-serial-number-entropy': error('7.1', (tbs) =>
    tbs.serialNumberBytes.length < 8 ? 'the serial number is too short to hold 64 random bits' : undefined,
  ),
} as const satisfies Record<string, Rule>;

/** Name of a rule of the Baseline Requirements. */
export type BaselineLintRule = keyof typeof BASELINE_LINT_RULES;

const SINGLE_ATTRIBUTES: readonly AttributeName[] = ['CN', 'O', 'C', 'L', 'ST', 'serialNumber'];

const BARRED_WITH_SERVER: ReadonlySet<string> = new Set([
  OID.codeSigning,
  OID.emailProtection,
  OID.timeStamping,
  OID.ocspSigning,
  OID.anyExtendedKeyUsage,
]);

const RESERVED_POLICIES: ReadonlySet<string> = new Set([
  '2.23.140.1.1',
  '2.23.140.1.2.1',
  '2.23.140.1.2.2',
  '2.23.140.1.2.3',
]);

const DAY = 86_400_000;

/** Longest lifetimes in days, by the first moment from which they hold. */
const LIFETIMES: readonly (readonly [number, number])[] = [
  [Date.UTC(2029, 2, 15), 47],
  [Date.UTC(2027, 2, 15), 100],
  [Date.UTC(2026, 2, 15), 200],
  [Date.UTC(2020, 8, 1), 398],
  [0, 825],
];

/** The last second counts (RFC 5280 section 4.1.2.5). */
function lifetimeDays(tbs: TbsCertificate): number {
  return (tbs.notAfter.getTime() + 1000 - tbs.notBefore.getTime()) / DAY;
}

function validityFault(tbs: TbsCertificate): string | undefined {
  const limit = LIFETIMES.find(([from]) => tbs.notBefore.getTime() >= from)?.[1] ?? 825;
  return lifetimeDays(tbs) > limit ? `it is valid for more than ${limit} days` : undefined;
}

function hasOcsp(tbs: TbsCertificate): boolean {
  return tbs.authorityInfoAccess?.some(({ method }) => method === OID.accessOcsp) ?? false;
}

function isPlainHttp(name: GeneralName): boolean {
  return name.kind === 'uri' && /^http:\/\//i.test(name.value);
}

/** Top-level domains that are not in the public root (RFC 6761, RFC 6762, RFC 8375, ICANN's .internal). */
const INTERNAL_DOMAINS: ReadonlySet<string> = new Set([
  'local',
  'localhost',
  'internal',
  'intranet',
  'corp',
  'home',
  'lan',
  'private',
  'test',
  'example',
  'invalid',
  'onion',
  'arpa',
]);

/** Special-purpose networks (RFC 6890). */
const INTERNAL_NETWORKS = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '240.0.0.0/4',
  '::/127',
  '::ffff:0:0/96',
  '2001:db8::/32',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => parseIpNetwork(text) ?? []);

function internalFault(name: GeneralName): string | undefined {
  if (name.kind === 'dns') {
    const labels = name.value.toLowerCase().split('.');
    const top = labels[labels.length - 1] ?? '';
    return labels.length < 2 || INTERNAL_DOMAINS.has(top)
      ? `${name.value.slice(0, 253)} is an internal name`
      : undefined;
  }
  const address = name.kind === 'ip' ? parseIpAddress(name.value) : undefined;
  return address !== undefined && INTERNAL_NETWORKS.some((network) => isInNetwork(address, network))
    ? 'an address of a network that is not public'
    : undefined;
}

function algorithmOf(tbs: TbsCertificate): string | undefined {
  try {
    return tbs.signatureAlgorithm;
  } catch (fault) {
    // One that cannot be read is found by the rule on signature algorithms.
    if (fault instanceof X509Error) return undefined;
    throw fault;
  }
}
