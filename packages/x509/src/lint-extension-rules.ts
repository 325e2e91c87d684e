import type { DistributionPoint } from './distribution-point.ts';
import { isDnsName } from './dns-name.ts';
import type { LintRule } from './lint-finding.ts';
import { nameValues } from './name.ts';
import { isWellFormedConstraint, type NameConstraint } from './name-constraints.ts';
import { OID } from './oid.ts';
import { mapsAnyPolicy } from './policy-mappings.ts';
import type { TbsCertificate } from './tbs-certificate.ts';

type Rule = LintRule<TbsCertificate>;

function error(section: string, check: Rule['check']): Rule {
  return { severity: 'error', section, check };
}

function warning(section: string, check: Rule['check']): Rule {
  return { severity: 'warning', section, check };
}

/** Further rules of RFC 5280 and of the documents that extend it, on single extensions. */
export const EXTENSION_LINT_RULES = {
  'policy-mappings-place': error('RFC 5280 section 4.2.1.5', (tbs) => onlyInCa(tbs, OID.policyMappings)),
  'policy-mappings-not-critical': warning('RFC 5280 section 4.2.1.5', (tbs) =>
    shouldBeCritical(tbs, OID.policyMappings),
  ),
  'policy-mappings-any-policy': error('RFC 5280 section 4.2.1.5', (tbs) =>
    tbs.policyMappings?.some(mapsAnyPolicy) ? 'anyPolicy is mapped' : undefined,
  ),
  'policy-mappings-unasserted': warning('RFC 5280 section 4.2.1.5', (tbs) => {
    const asserted = new Set(tbs.certificatePolicies?.map(({ policy }) => policy));
    const stray = tbs.policyMappings?.find(({ issuerDomainPolicy }) => !asserted.has(issuerDomainPolicy));
    return stray === undefined || asserted.has(OID.anyPolicy)
      ? undefined
      : `policy ${stray.issuerDomainPolicy} is mapped and not asserted`;
  }),
  'policy-constraints-place': error('RFC 5280 section 4.2.1.11', (tbs) => onlyInCa(tbs, OID.policyConstraints)),
  'policy-constraints-not-critical': error('RFC 5280 section 4.2.1.11', (tbs) =>
    mustBeCritical(tbs, OID.policyConstraints),
  ),
  'inhibit-any-policy-place': error('RFC 5280 section 4.2.1.14', (tbs) => onlyInCa(tbs, OID.inhibitAnyPolicy)),
  'inhibit-any-policy-not-critical': error('RFC 5280 section 4.2.1.14', (tbs) =>
    mustBeCritical(tbs, OID.inhibitAnyPolicy),
  ),
  'policy-qualifier-type': error('RFC 5280 section 4.2.1.4', (tbs) => {
    const any = tbs.certificatePolicies?.find(({ policy }) => policy === OID.anyPolicy);
    const strange = any?.qualifiers.find(({ id }) => id !== OID.policyCps && id !== OID.policyUserNotice);
    return strange === undefined ? undefined : `anyPolicy has the qualifier ${strange.id}`;
  }),
  'policy-user-notice': warning('RFC 5280 section 4.2.1.4', (tbs) =>
    tbs.certificatePolicies?.some(({ qualifiers }) => qualifiers.some(({ id }) => id === OID.policyUserNotice))
      ? 'user notices are advised against'
      : undefined,
  ),
  'issuer-alternative-name-critical': warning('RFC 5280 section 4.2.1.7', (tbs) =>
    tbs.extension(OID.issuerAltName)?.critical ? 'issuerAltName should not be critical' : undefined,
  ),
  'directory-attributes-critical': error('RFC 5280 section 4.2.1.8', (tbs) =>
    mustNotBeCritical(tbs, OID.subjectDirectoryAttributes),
  ),
  'subject-info-access-critical': error('RFC 5280 section 4.2.2.2', (tbs) =>
    mustNotBeCritical(tbs, OID.subjectInfoAccess),
  ),
  'freshest-crl-critical': error('RFC 5280 section 4.2.1.15', (tbs) => mustNotBeCritical(tbs, OID.freshestCRL)),
  'timestamps-critical': error('RFC 6962 section 3.3', (tbs) =>
    mustNotBeCritical(tbs, OID.signedCertificateTimestamps),
  ),
  'poison-not-critical': error('RFC 6962 section 3.1', (tbs) => mustBeCritical(tbs, OID.precertificatePoison)),
  'tls-feature-critical': warning('RFC 7633 section 4.1', (tbs) =>
    tbs.extension(OID.tlsFeature)?.critical ? 'tlsFeature should not be critical' : undefined,
  ),
  'name-constraint-form': error('RFC 5280 section 4.2.1.10', (tbs) => {
    const all = [...(tbs.nameConstraints?.permitted ?? []), ...(tbs.nameConstraints?.excluded ?? [])];
    return all.map(constraintFault).find((fault) => fault !== undefined);
  }),
  'name-constraint-kind': warning('RFC 5280 section 4.2.1.10', (tbs) => {
    const all = [...(tbs.nameConstraints?.permitted ?? []), ...(tbs.nameConstraints?.excluded ?? [])];
    const found = all.find(({ kind }) => kind === 'unsupported');
    return found === undefined ? undefined : 'constraints on this kind of name have no meaning that verifiers share';
  }),
  'encipher-only-without-agreement': error('RFC 5280 section 4.2.1.3', (tbs) =>
    (tbs.keyUsage?.has('encipherOnly') || tbs.keyUsage?.has('decipherOnly')) && !tbs.keyUsage.has('keyAgreement')
      ? 'encipherOnly and decipherOnly have no meaning without keyAgreement'
      : undefined,
  ),
  'ocsp-signing-mixed': warning('RFC 6960 section 4.2.2.2', (tbs) => {
    const purposes = tbs.extendedKeyUsage;
    return purposes?.includes(OID.ocspSigning) && purposes.length > 1
      ? 'a certificate for OCSP signing should have no other purpose'
      : undefined;
  }),
  'ocsp-no-check-place': warning('RFC 6960 section 4.2.2.2.1', (tbs) =>
    tbs.extension(OID.ocspNoCheck) !== undefined && !tbs.extendedKeyUsage?.includes(OID.ocspSigning)
      ? 'ocsp-nocheck means something in the certificates of OCSP responders only'
      : undefined,
  ),
  'authority-key-identifier-issuer': warning('RFC 5280 section 4.2.1.1', (tbs) =>
    tbs.authorityKeyIdentifier?.issuer !== undefined
      ? 'issuer and serial number in authorityKeyIdentifier keep a path from being built otherwise'
      : undefined,
  ),
  'distribution-point-reasons-only': error('RFC 5280 section 4.2.1.13', (tbs) =>
    tbs.crlDistributionPoints?.every(({ reasons }) => reasons !== undefined)
      ? 'one distribution point at least must be for all reasons'
      : undefined,
  ),
  'distribution-point-relative': warning('RFC 5280 section 4.2.1.13', (tbs) =>
    [...(tbs.crlDistributionPoints ?? []), ...(tbs.freshestCrl ?? [])].some(isRelative)
      ? 'names relative to the CRL issuer should not be used'
      : undefined,
  ),
  'domain-component-syntax': error('RFC 4519 section 2.4', (tbs) => {
    const found = nameValues(tbs.subject, 'DC').find((value) => !isDnsName(value) || value.includes('.'));
    return found === undefined ? undefined : 'a domain component must be one DNS label';
  }),
  'country-code': error('RFC 5280 appendix A.1, ISO 3166', (tbs) =>
    nameValues(tbs.subject, 'C').every((value) => /^[A-Z]{2}$/.test(value))
      ? undefined
      : 'a country is two upper-case letters',
  ),
  'email-attribute': warning('RFC 5280 section 4.1.2.6', (tbs) =>
    nameValues(tbs.subject, 'emailAddress').length > 0
      ? 'mailboxes belong into subjectAltName, not into the subject'
      : undefined,
  ),
  'any-purpose-critical': warning('RFC 5280 section 4.2.1.12', (tbs) =>
    tbs.extendedKeyUsage?.includes(OID.anyExtendedKeyUsage) && tbs.extension(OID.extendedKeyUsage)?.critical
      ? 'extKeyUsage with anyExtendedKeyUsage should not be critical'
      : undefined,
  ),
} as const satisfies Record<string, Rule>;

function onlyInCa(tbs: TbsCertificate, oid: string): string | undefined {
  return tbs.extension(oid) !== undefined && !tbs.isCa ? `extension ${oid} is allowed in CAs only` : undefined;
}

function mustBeCritical(tbs: TbsCertificate, oid: string): string | undefined {
  return tbs.extension(oid)?.critical === false ? `extension ${oid} must be critical` : undefined;
}

function shouldBeCritical(tbs: TbsCertificate, oid: string): string | undefined {
  return tbs.extension(oid)?.critical === false ? `extension ${oid} should be critical` : undefined;
}

function mustNotBeCritical(tbs: TbsCertificate, oid: string): string | undefined {
  return tbs.extension(oid)?.critical ? `extension ${oid} must not be critical` : undefined;
}

function isRelative({ name }: DistributionPoint): boolean {
  return name?.kind === 'relativeName';
}

function constraintFault(constraint: NameConstraint): string | undefined {
  if (constraint.kind === 'dns' && constraint.value.startsWith('.'))
    return 'a constraint on DNS names has no leading dot';
  if (constraint.kind !== 'dns' && constraint.kind !== 'uri' && constraint.kind !== 'email') return undefined;
  return isWellFormedConstraint(constraint) ? undefined : `the constraint on ${constraint.kind} names is malformed`;
}
