import type { BaselineLintRule } from './lint-baseline-rules.ts';

/** Which of the rules that bind public issuers an issuer is let off from, each with its reason. Plain data. */
export interface LintProfile {
  readonly name: string;
  /** Rules that are not applied, and why. */
  readonly relaxations: Readonly<
    Partial<Record<BaselineLintRule | CrlBaselineLintRule | OcspBaselineLintRule, string>>
  >;
}

/** Rules of the Baseline Requirements on CRLs. */
export type CrlBaselineLintRule = 'br-crl-lifetime' | 'br-crl-hold' | 'br-crl-reason';
/** Rules of the Baseline Requirements on OCSP responses. */
export type OcspBaselineLintRule = 'br-ocsp-lifetime';

const PRIVATE_NAMES = 'private networks have names and addresses that the public root does not know';
const OWN_RULES = 'a private PKI sets its own lifetimes, by profile';
const OWN_POLICIES = 'the reserved policy identifiers speak of public trust, which a private PKI must not claim';
const ANY_TOOL = 'relying parties of a private PKI are known, and chosen to understand it';

/** The named profiles. */
export const LINT_PROFILES = {
  /** Every rule: a CA whose root is in browsers. */
  publicTls: { name: 'public-tls', relaxations: {} },
  /** RFC 5280 and its kin, and those Baseline Requirements that make sense in any PKI. */
  privatePki: {
    name: 'private-pki',
    relaxations: {
      'br-validity': OWN_RULES,
      'br-alternative-name-missing': 'server-alternative-name-missing says so for servers; clients may do without',
      'br-alternative-name-kind': 'workload identities are URIs (SPIFFE), mail servers have mailboxes',
      'br-internal-name': PRIVATE_NAMES,
      'br-purpose-missing': 'without extKeyUsage a certificate is good for what its CA allows',
      'br-purpose-mixed': ANY_TOOL,
      'br-purpose-critical': ANY_TOOL,
      'br-policy-missing': OWN_POLICIES,
      'br-issuer-location-missing': 'relying parties are given the chain; roots and intermediates may have no URL',
      'br-access-scheme': 'private directories may be reached by ldap or https',
      'br-revocation-missing': 'short-lived certificates are renewed instead of revoked',
      'br-distribution-point-form': 'private directories may be reached by ldap',
      'br-organizational-unit': 'nobody vouches for units in public; in private the CA knows them',
      'br-subject-repeated': 'names of old directories repeat attributes',
      'br-key-usage': ANY_TOOL,
      'br-key-algorithm': 'Ed25519 and ML-DSA are good where all relying parties have them',
      'br-rsa-modulus': ANY_TOOL,
      'br-signature-algorithm': 'Ed25519 and ML-DSA are good where all relying parties have them',
      'br-ca-subject': 'a private CA needs no country',
      'br-ca-key-usage': 'a CA without CRLs needs no cRLSign',
      'br-ca-key-usage-critical': 'key-usage-not-critical warns of it',
      'br-subordinate-purpose': 'a private subordinate may serve all purposes of its root',
      'br-subordinate-policy': OWN_POLICIES,
      'br-subordinate-revocation': 'subordinates may be replaced with the trust store instead of revoked',
      'br-root-purpose': 'a private root may be limited to its purposes',
      'br-root-policy': ANY_TOOL,
      'br-root-path-length': 'a private root may be limited in depth',
      'br-root-authority-key-identifier': ANY_TOOL,
      'br-serial-number-entropy': 'serial-number-entropy warns of it',
      'br-crl-lifetime': OWN_RULES,
      'br-crl-hold': 'a private PKI may suspend certificates',
      'br-crl-reason': 'all reasons of RFC 5280 may be given',
      'br-ocsp-lifetime': OWN_RULES,
    },
  },
} as const satisfies Record<string, LintProfile>;
