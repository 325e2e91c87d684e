import type { Certificate } from './certificate.ts';
import { constrainedNames } from './constrained-name.ts';
import type { GeneralName } from './general-name.ts';
import { sameName } from './name-comparison.ts';
import { OID } from './oid.ts';
import type { PathPolicy } from './path-policy.ts';
import type { PathRule } from './path-verdict.ts';
import { type PathRole, PROFILE_RULES } from './profile-rule.ts';
import { assertStrongKey } from './public-key.ts';
import { X509Error } from './x509-error.ts';

/** A rule that was broken, and how. */
export interface Breach {
  readonly rule: PathRule;
  readonly detail: string;
}

/** Extensions that may be critical because validation acts on them. */
const PROCESSED = new Set<string>([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.nameConstraints,
  OID.certificatePolicies,
  OID.policyMappings,
  OID.policyConstraints,
  OID.inhibitAnyPolicy,
]);

/** Extensions whose content is read for its form only. Critical ones are refused, but by profile rules or as unknown. */
const READ_ONLY: readonly ((certificate: Certificate) => unknown)[] = [
  (certificate) => certificate.subjectKeyIdentifier,
  (certificate) => certificate.authorityKeyIdentifier,
  (certificate) => certificate.authorityInfoAccess,
  (certificate) => certificate.certificatePolicies,
  (certificate) => certificate.tlsFeature,
  (certificate) => certificate.extendedKeyUsage,
  (certificate) => certificate.keyUsage,
  (certificate) => certificate.basicConstraints,
  (certificate) => certificate.nameConstraints,
  (certificate) => certificate.subjectAltName,
  (certificate) => certificate.policyMappings,
  (certificate) => certificate.policyConstraints,
  (certificate) => certificate.inhibitAnyPolicy,
  (certificate) => certificate.crlDistributionPoints,
  (certificate) => certificate.freshestCrl,
  (certificate) => certificate.issuerAltName,
];

/** What a caller asks of each certificate. */
export interface CertificateQuestion {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly policy: PathPolicy;
  readonly purposes: readonly string[];
  /** Whether distribution points are acted on, and so may be critical. */
  readonly withRevocation?: boolean;
}

/**
 * Checks one certificate by itself: form of its extensions, critical ones, key and algorithm, validity, and the policy's
 * profile. Gives the first breach, or undefined.
 */
export function checkCertificateAlone(
  certificate: Certificate,
  role: PathRole,
  question: CertificateQuestion,
): Breach | undefined {
  return (
    checkForm(certificate, role, question) ??
    checkValidity(certificate, question.time) ??
    checkPurposes(certificate, role, question) ??
    checkProfile(certificate, role, question.policy)
  );
}

function checkForm(certificate: Certificate, role: PathRole, question: CertificateQuestion): Breach | undefined {
  try {
    for (const read of READ_ONLY) read(certificate);
  } catch (error) {
    return breachOf(error, 'malformed-extension');
  }
  const unknown = certificate.extensions.find(
    ({ oid, critical }) =>
      critical && !PROCESSED.has(oid) && !(oid === OID.cRLDistributionPoints && question.withRevocation === true),
  );
  if (unknown !== undefined)
    return { rule: 'unknown-critical-extension', detail: `extension ${unknown.oid} is critical and not processed` };
  try {
    assertStrongKey(certificate.publicKey, 'verify');
  } catch (error) {
    return breachOf(error, 'public-key');
  }
  try {
    // An anchor's own signature is not relied upon.
    if (role !== 'anchor') void certificate.signatureAlgorithm;
  } catch (error) {
    return breachOf(error, 'algorithm');
  }
  return undefined;
}

/** A breach from an X509Error; anything else is a fault of ours and is thrown on. */
export function breachOf(error: unknown, rule: PathRule): Breach {
  if (error instanceof X509Error) return { rule, detail: error.message };
  throw error;
}

function checkValidity(certificate: Certificate, time: number): Breach | undefined {
  // notAfter is inclusive, in whole seconds (RFC 5280 section 4.1.2.5).
  const second = Math.floor(time / 1000) * 1000;
  if (second < certificate.notBefore.getTime()) {
    return { rule: 'validity', detail: `not valid before ${certificate.notBefore.toISOString()}` };
  }
  if (second > certificate.notAfter.getTime()) {
    return { rule: 'validity', detail: `not valid after ${certificate.notAfter.toISOString()}` };
  }
  return undefined;
}

/** Extended key usage of every certificate in the path limits what is below it; absent, it limits nothing. */
function checkPurposes(certificate: Certificate, role: PathRole, question: CertificateQuestion): Breach | undefined {
  const allowed = certificate.extendedKeyUsage;
  const any = role !== 'leaf' || question.policy.anyPurposeSuffices;
  const missing = question.purposes.find(
    (purpose) =>
      allowed !== undefined && !allowed.includes(purpose) && !(any && allowed.includes(OID.anyExtendedKeyUsage)),
  );
  if (missing !== undefined) return { rule: 'extended-key-usage', detail: `purpose ${missing} is not allowed` };
  const forTls = question.purposes.includes(OID.serverAuth) || question.purposes.includes(OID.clientAuth);
  const usage = certificate.keyUsage;
  if (role === 'leaf' && forTls && usage !== undefined && !TLS_USAGES.some((wanted) => usage.has(wanted))) {
    return {
      rule: 'key-usage',
      detail: 'none of digitalSignature, keyEncipherment and keyAgreement, which TLS needs, is there',
    };
  }
  return undefined;
}

/** RFC 5280 section 4.2.1.12, for server and client authentication. */
const TLS_USAGES = ['digitalSignature', 'keyEncipherment', 'keyAgreement'] as const;

function checkProfile(certificate: Certificate, role: PathRole, policy: PathPolicy): Breach | undefined {
  for (const rule of policy.profileRules) {
    const detail = PROFILE_RULES[rule](certificate, role);
    if (detail !== undefined) return { rule, detail };
  }
  return undefined;
}

/** Checks whether a certificate may issue one with `intermediatesBelow` CA certificates under it (RFC 5280 section 6.1.4 k to n). */
export function checkIssuerRights(certificate: Certificate, intermediatesBelow: number): Breach | undefined {
  if (!certificate.isCa)
    return { rule: 'basic-constraints', detail: 'not a CA: basicConstraints of a version 3 certificate must say so' };
  if (certificate.keyUsage !== undefined && !certificate.keyUsage.has('keyCertSign')) {
    return { rule: 'key-usage', detail: 'keyUsage does not have keyCertSign' };
  }
  const limit = certificate.basicConstraints?.pathLength;
  return limit !== undefined && intermediatesBelow > limit
    ? { rule: 'path-length', detail: `${intermediatesBelow} intermediates follow, ${limit} are allowed` }
    : undefined;
}

/** True for a certificate whose subject and issuer are the same name (RFC 5280 section 3.2). */
export function isSelfIssued(certificate: Certificate): boolean {
  return sameName(certificate.subject, certificate.issuer);
}

/** Names that the constraints of CAs above apply to: none for self-issued intermediates (RFC 5280 section 6.1.3 b). */
export function namesUnderConstraints(certificate: Certificate, role: PathRole): readonly GeneralName[] {
  return role !== 'leaf' && isSelfIssued(certificate) ? [] : constrainedNames(certificate);
}
