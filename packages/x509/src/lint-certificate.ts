import { BASELINE_LINT_RULES, type BaselineLintRule } from './lint-baseline-rules.ts';
import { CERTIFICATE_LINT_RULES } from './lint-certificate-rules.ts';
import { EXTENSION_LINT_RULES } from './lint-extension-rules.ts';
import { applyLintRules, type LintFinding } from './lint-finding.ts';
import { LINT_PROFILES, type LintProfile } from './lint-profile.ts';
import { parseTbsCertificate, type TbsCertificate } from './tbs-certificate.ts';
import { X509Error } from './x509-error.ts';

/** Name of a certificate lint rule. */
export type CertificateLintRule =
  | keyof typeof CERTIFICATE_LINT_RULES
  | keyof typeof EXTENSION_LINT_RULES
  | BaselineLintRule
  | 'malformed'
  | 'malformed-extension'
  | 'duplicate-extension';

/**
 * What an issuer must not, or should not, put its signature under, found in the exact octets of a TBSCertificate: RFC 5280
 * section 4 and its kin, and the Baseline Requirements less what the profile relaxes. Empty when clean. It says nothing about who asks
 * for the certificate or whether the key is held, and a validator does not refuse for it. It never throws for what the
 * octets hold.
 *
 * Where the octets cannot be parsed, that is the only finding.
 * @param profile Which rules an issuer is let off from; `LINT_PROFILES.privatePki` unless told.
 */
export function lintTbsCertificate(
  tbs: Uint8Array,
  profile: LintProfile = LINT_PROFILES.privatePki,
): readonly LintFinding<CertificateLintRule>[] {
  let certificate: TbsCertificate;
  try {
    certificate = parseTbsCertificate(tbs);
  } catch (error) {
    return [parseFinding(error)];
  }
  const unreadable = EXTENSION_READERS.flatMap((read) => extensionFinding(certificate, read));
  if (unreadable.length > 0) return unreadable;
  return [
    ...applyLintRules(CERTIFICATE_LINT_RULES, certificate),
    ...applyLintRules(EXTENSION_LINT_RULES, certificate),
    ...applyLintRules(BASELINE_LINT_RULES, certificate, profile.relaxations),
  ];
}

function parseFinding(error: unknown): LintFinding<CertificateLintRule> {
  if (!(error instanceof X509Error)) throw error;
  if (error.code === 'duplicate-extension') return malformed('duplicate-extension', 'RFC 5280 section 4.2', error);
  if (error.path?.endsWith('.validity')) return malformed('validity-encoding', 'RFC 5280 section 4.1.2.5', error);
  return malformed('malformed', 'RFC 5280 section 4.1', error);
}

const EXTENSION_READERS: readonly ((certificate: TbsCertificate) => unknown)[] = [
  (certificate) => certificate.authorityKeyIdentifier,
  (certificate) => certificate.subjectKeyIdentifier,
  (certificate) => certificate.keyUsage,
  (certificate) => certificate.certificatePolicies,
  (certificate) => certificate.subjectAltName,
  (certificate) => certificate.basicConstraints,
  (certificate) => certificate.nameConstraints,
  (certificate) => certificate.extendedKeyUsage,
  (certificate) => certificate.crlDistributionPoints,
  (certificate) => certificate.authorityInfoAccess,
  (certificate) => certificate.tlsFeature,
  (certificate) => certificate.policyMappings,
  (certificate) => certificate.policyConstraints,
  (certificate) => certificate.inhibitAnyPolicy,
  (certificate) => certificate.issuerAltName,
  (certificate) => certificate.freshestCrl,
  (certificate) => certificate.subjectInfoAccess,
  (certificate) => certificate.subjectDirectoryAttributes,
  (certificate) => certificate.signedCertificateTimestamps,
];

function extensionFinding(
  certificate: TbsCertificate,
  read: (certificate: TbsCertificate) => unknown,
): LintFinding<CertificateLintRule>[] {
  try {
    read(certificate);
    return [];
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return [malformed('malformed-extension', 'RFC 5280 section 4.2', error)];
  }
}

function malformed(rule: CertificateLintRule, section: string, error: X509Error): LintFinding<CertificateLintRule> {
  return { rule, severity: 'error', section, detail: error.message };
}
