import type { ProfileRule } from './profile-rule.ts';

/** What is asked of a path besides the algorithm of RFC 5280 section 6. Plain data: make your own from these. */
export interface PathPolicy {
  readonly name: string;
  /** Rules for single certificates that are enforced on each certificate of a path. */
  readonly profileRules: ReadonlySet<ProfileRule>;
  /** Whether anyExtendedKeyUsage in a leaf stands for the purposes asked for (RFC 5280 section 4.2.1.12 leaves it open). */
  readonly anyPurposeSuffices: boolean;
}

const RFC5280_RULES: readonly ProfileRule[] = [
  'serial-number',
  'validity-encoding',
  'issuer-name',
  'subject-name',
  'extension-not-critical',
  'extension-critical',
  'authority-key-identifier',
  'subject-key-identifier',
  'name-constraints-place',
  'key-cert-sign',
];

const WEBPKI_RULES: readonly ProfileRule[] = [
  ...RFC5280_RULES,
  'version-3',
  'leaf-not-ca',
  'leaf-alternative-name',
  'leaf-extended-key-usage',
  'leaf-common-name',
  'root-extended-key-usage',
  'root-authority-key-identifier',
  'rsa-modulus-octets',
];

/** The named policies. */
export const PATH_POLICIES = {
  /** Certificates that follow the profile of RFC 5280 section 4, validated by section 6. */
  rfc5280: { name: 'rfc5280', profileRules: new Set(RFC5280_RULES), anyPurposeSuffices: true },
  /** TLS servers of the public web: the above and the Baseline Requirements as far as a certificate alone shows them. */
  webpki: { name: 'webpki', profileRules: new Set(WEBPKI_RULES), anyPurposeSuffices: false },
  /**
   * Section 6 of RFC 5280 and nothing else: what a certificate says beyond it is not looked at. For suites that test the
   * algorithm (NIST PKITS), and as the base of policies of your own.
   */
  pathOnly: { name: 'path-only', profileRules: new Set<ProfileRule>(), anyPurposeSuffices: true },
  /**
   * Section 6 and a little more, for private PKIs whose certificates were made by many tools; a leaf must not be a CA and must name
   * its purpose itself.
   */
  privateMutualTls: {
    name: 'private-mutual-tls',
    profileRules: new Set<ProfileRule>(['issuer-name', 'leaf-not-ca', 'name-constraints-place', 'key-cert-sign']),
    anyPurposeSuffices: false,
  },
} as const satisfies Record<string, PathPolicy>;
