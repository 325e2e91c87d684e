export {
  issuerAltNameExtension,
  parseIssuerAltName,
  parseSubjectAltName,
  subjectAltNameExtension,
} from './alternative-name.ts';
export type { AttributeName } from './attribute-type.ts';
export {
  type AccessDescription,
  authorityInfoAccessExtension,
  parseAuthorityInfoAccess,
  parseSubjectInfoAccess,
  subjectInfoAccessExtension,
} from './authority-info-access.ts';
export { type BasicConstraints, basicConstraintsExtension, parseBasicConstraints } from './basic-constraints.ts';
export {
  distributionPointsExtension,
  freshestCrlExtension,
  scopedIssuingDistributionPointExtension,
} from './build-distribution-point.ts';
export {
  assembleOcspResponse,
  buildTbsOcspResponse,
  type OcspResponseParts,
  type OcspSingleResponseInput,
  ocspErrorResponse,
  type TbsOcspResponseInput,
} from './build-ocsp-response.ts';
export {
  assembleCertificateList,
  buildTbsCertList,
  type RevokedCertificateInput,
  type TbsCertListInput,
} from './build-tbs-cert-list.ts';
export {
  assembleCertificate,
  buildTbsCertificate,
  type SignedParts,
  type TbsCertificateInput,
} from './build-tbs-certificate.ts';
export { Certificate, parseCertificate, verifyCertificateSignature } from './certificate.ts';
export {
  buildCertificateBundle,
  CERTIFICATE_BUNDLE_LIMITS,
  type CertificateBundle,
  parseCertificateBundle,
} from './certificate-bundle.ts';
export { CertificateList, parseCertificateList, verifyCertificateListSignature } from './certificate-list.ts';
export {
  certificatePoliciesExtension,
  type PolicyInformation,
  type PolicyInput,
  parseCertificatePolicies,
} from './certificate-policies.ts';
export {
  type CertificateTemplateInput,
  type ExtensionSlot,
  prepareCertificateTemplate,
  type TemplatedCertificateInput,
} from './certificate-template.ts';
export {
  assembleCertificationRequest,
  buildCertificationRequestInfo,
  CERTIFICATION_REQUEST_LIMITS,
  type CertificationRequest,
  type CertificationRequestInfoInput,
  parseCertificationRequest,
  type RequestAttribute,
  verifyProofOfPossession,
} from './certification-request.ts';
export {
  certificateIssuerExtension,
  crlNumberExtension,
  deltaCrlIndicatorExtension,
  invalidityDateExtension,
  parseCertificateIssuer,
  parseCrlNumber,
  parseDeltaCrlIndicator,
  parseInvalidityDate,
  parseReasonCode,
  REVOCATION_REASONS,
  type RevocationReason,
  reasonCodeExtension,
} from './crl-extension.ts';
export { DEFAULT_DER_LIMITS, type DerLimits, DerReader, type DerReaderOptions } from './der-reader.ts';
export { constructedContextTag, contextTag, TAG } from './der-tag.ts';
export { DerWriter, encodeDer, writeSetOf } from './der-writer.ts';
export {
  crlDistributionPointsExtension,
  type DistributionPoint,
  type DistributionPointName,
  type IssuingDistributionPoint,
  issuingDistributionPointExtension,
  parseCrlDistributionPoints,
  parseFreshestCrl,
  parseIssuingDistributionPoint,
  type ReasonFlag,
} from './distribution-point.ts';
export { isDnsName, isDnsNameOrWildcard } from './dns-name.ts';
export { extendedKeyUsageExtension, parseExtendedKeyUsage } from './extended-key-usage.ts';
export { type Extension, findExtension } from './extension.ts';
export { describeGeneralName, type GeneralName, type GeneralNameKind, generalNameFault } from './general-name.ts';
export {
  formatIpAddress,
  formatIpNetwork,
  type IpNetwork,
  isInNetwork,
  parseIpAddress,
  parseIpNetwork,
} from './ip-address.ts';
export {
  type AuthorityKeyIdentifier,
  authorityKeyIdentifierExtension,
  fullAuthorityKeyIdentifierExtension,
  parseAuthorityKeyIdentifier,
  parseSubjectKeyIdentifier,
  subjectKeyIdentifierExtension,
} from './key-identifier.ts';
export { KEY_USAGES, type KeyUsage, keyUsageExtension, parseKeyUsage } from './key-usage.ts';
export type { BaselineLintRule } from './lint-baseline-rules.ts';
export { type CertificateLintRule, lintTbsCertificate } from './lint-certificate.ts';
export { type CrlLintRule, lintTbsCertList } from './lint-crl.ts';
export type { LintFinding, LintSeverity } from './lint-finding.ts';
export { lintTbsOcspResponse, type OcspLintRule } from './lint-ocsp.ts';
export {
  type CrlBaselineLintRule,
  LINT_PROFILES,
  type LintProfile,
  type OcspBaselineLintRule,
} from './lint-profile.ts';
export {
  buildName,
  isEmptyName,
  type Name,
  type NameAttribute,
  type NameAttributeInput,
  nameValues,
  parseName,
  type RdnInput,
} from './name.ts';
export { isNameWithin, nameKey, sameName } from './name-comparison.ts';
export {
  type NameConstraint,
  type NameConstraints,
  nameConstraintsExtension,
  parseNameConstraints,
} from './name-constraints.ts';
export { formatName, parseNameString } from './name-string.ts';
export {
  encodeOcspCertId,
  isIssuedBy,
  type OcspCertId,
  type OcspDigest,
  type OcspIssuerId,
  ocspIssuerId,
} from './ocsp-cert-id.ts';
export { ocspNoCheckExtension } from './ocsp-no-check.ts';
export { findOcspNonce, ocspNonceExtension } from './ocsp-nonce.ts';
export {
  buildOcspRequest,
  MAX_OCSP_REQUESTS,
  OCSP_REQUEST_LIMITS,
  type OcspRequest,
  type OcspRequestInput,
  type OcspSingleRequest,
  parseOcspRequest,
} from './ocsp-request.ts';
export {
  type BasicOcspResponse,
  OCSP_ERROR_STATUSES,
  OCSP_RESPONSE_LIMITS,
  type OcspErrorStatus,
  type OcspResponderId,
  type OcspResponse,
  type OcspResponseData,
  type OcspSingleResponse,
  type OcspStatus,
  ocspCertificates,
  ocspSignatureAlgorithm,
  parseOcspResponse,
  parseTbsOcspResponse,
  verifyOcspResponseSignature,
} from './ocsp-response.ts';
export { compareOctets, equalOctets, fromHex, toHex } from './octets.ts';
export { OID } from './oid.ts';
export { PATH_POLICIES, type PathPolicy } from './path-policy.ts';
export type { PathFailure, PathRule, PathVerdict } from './path-verdict.ts';
export { matchesPeerName, type PeerName } from './peer-name.ts';
export {
  DEFAULT_PEM_LIMITS,
  decodePem,
  decodePemBundle,
  encodePem,
  encodePemBundle,
  PEM_LABELS,
  type PemLabel,
  type PemLimits,
} from './pem.ts';
export {
  inhibitAnyPolicyExtension,
  type PolicyConstraints,
  parseInhibitAnyPolicy,
  parsePolicyConstraints,
  policyConstraintsExtension,
} from './policy-constraints.ts';
export { ANY_POLICY_QUESTION, type PathPolicies, type PolicyQuestion } from './policy-graph.ts';
export { type PolicyMapping, parsePolicyMappings, policyMappingsExtension } from './policy-mappings.ts';
export type { PolicyQualifier } from './policy-qualifier.ts';
export {
  buildPrivateKeyInfo,
  PRIVATE_KEY_LIMITS,
  type PrivateKeyInfo,
  type PrivateKeyInfoInput,
  parsePrivateKeyInfo,
} from './private-key-info.ts';
export type { ProfileRule } from './profile-rule.ts';
export {
  assertStrongKey,
  type EcCurve,
  type KeyRole,
  MAX_RSA_BITS,
  MAX_SIGNING_RSA_BITS,
  MIN_RSA_BITS,
  type PublicKeyDetails,
  PublicKeyInfo,
  parsePublicKey,
} from './public-key.ts';
export type { RevocationEvidence, RevocationSource, RevocationStatus } from './revocation-evidence.ts';
export {
  REVOCATION_LIMITS,
  REVOCATION_POLICIES,
  type RevocationInput,
  type RevocationLimits,
  type RevocationPolicy,
} from './revocation-policy.ts';
export { serialFromHex, serialFromRandom, serialOctetsToHex, serialToHex } from './serial-number.ts';
export {
  type DigestName,
  digestOf,
  encodeSignatureAlgorithm,
  type MlDsaName,
  parseSignatureAlgorithm,
  type SignatureAlgorithm,
} from './signature-algorithm.ts';
export { SignatureMemo } from './signature-memo.ts';
export {
  parseSignedCertificateTimestamps,
  precertificatePoisonExtension,
  type SerializedTimestamp,
  type SignedCertificateTimestamp,
  signedCertificateTimestampsExtension,
} from './signed-certificate-timestamp.ts';
export {
  type DirectoryAttribute,
  parseSubjectDirectoryAttributes,
  subjectDirectoryAttributesExtension,
} from './subject-directory-attributes.ts';
export {
  CRL_LIMITS,
  parseTbsCertList,
  type RevokedCertificate,
  revokedSerialHex,
  TbsCertList,
  type TbsCertListFields,
} from './tbs-cert-list.ts';
export {
  CERTIFICATE_LIMITS,
  parseTbsCertificate,
  TbsCertificate,
  type TbsCertificateFields,
} from './tbs-certificate.ts';
export { parseTlsFeature, TLS_FEATURE_STATUS_REQUEST, tlsFeatureExtension } from './tls-feature.ts';
export { parseUserNotice, type UserNotice } from './user-notice.ts';
export { PATH_LIMITS, type PathInput, type PathLimits, validatePath } from './validate-path.ts';
export {
  assertSigningAlgorithm,
  isKeyFor,
  type SignatureInput,
  signingAlgorithmFor,
  verifySignature,
} from './verify-signature.ts';
export { X509Error, type X509ErrorCode, type X509ErrorPlace } from './x509-error.ts';
