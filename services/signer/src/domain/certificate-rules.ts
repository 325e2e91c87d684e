import { bytesEqual } from '@cert-tasks/kernel';
import {
  assertStrongKey,
  type BasicConstraints,
  type KeyUsage,
  OID,
  type PublicKeyInfo,
  parseTbsCertificate,
  type SignatureAlgorithm,
  type TbsCertificate,
  X509Error,
} from '@cert-tasks/x509';
import type { CertificateAuthorityKey } from './key.ts';
import { signatureAlgorithmOf } from './key-algorithm.ts';
import type { CertificateAuthorityPolicy } from './key-policy.ts';
import { ruleBroken } from './signing-rule.ts';
import { isCurrentStart } from './signing-time.ts';
import { checkTbsSize, readingTbs } from './tbs.ts';

/** What the ledger needs to know of a certificate. */
export interface CertificateFacts {
  /** The serial number's octets, big-endian, without a leading zero. */
  readonly serial: Uint8Array;
}

/** RFC 5280, 4.1.2.2: at most 20 octets, and the first bit of the encoding is the sign. */
const MAX_SERIAL_OCTETS = 20;

/** What a certificate says of its subject, read to the end: what is malformed is refused as such. */
interface SubjectClaims {
  readonly publicKey: PublicKeyInfo;
  readonly constraints: BasicConstraints | undefined;
  readonly constraintsAreCritical: boolean;
  readonly usages: ReadonlySet<KeyUsage> | undefined;
}

/**
 * Checks a TBSCertificate, which may be hostile, against all that the key may sign.
 *
 * @throws SignerError `tbs-malformed` where it is not strict DER of RFC 5280, 4.1; `outside-key-policy` with the broken
 * rule where the key may not sign it.
 */
export function checkCertificate(tbs: Uint8Array, key: CertificateAuthorityKey, now: Date): CertificateFacts {
  checkTbsSize(tbs, 'certificate');
  const certificate = readingTbs('certificate', () => parseTbsCertificate(tbs));
  const claims = readingTbs('certificate', () => readClaims(certificate));
  checkForm(certificate);
  checkSignatureAlgorithm(certificate, key);
  checkIssuer(certificate.issuer.der, key.policy);
  checkValidity(certificate, { policy: key.policy, now });
  checkSubjectKey(claims.publicKey);
  if (claims.constraints?.ca === true) checkAuthority(certificate, { claims, key });
  else checkEndEntity(claims);
  return { serial: checkedSerial(certificate.serialNumberBytes) };
}

function readClaims(certificate: TbsCertificate): SubjectClaims {
  return {
    publicKey: certificate.publicKey,
    constraints: certificate.basicConstraints,
    constraintsAreCritical: certificate.extension(OID.basicConstraints)?.critical === true,
    usages: certificate.keyUsage,
  };
}

function checkForm(certificate: TbsCertificate): void {
  // Readers of old take a version 1 certificate, which has no extensions, for an authority's.
  if (certificate.version !== 3) throw ruleBroken('version', 'Only version 3 certificates are signed.');
  if (certificate.hasUniqueIdentifier) {
    throw ruleBroken('unique-identifier', 'Certificates have no unique identifiers (RFC 5280, 4.1.2.8).');
  }
}

/** @throws SignerError `outside-key-policy` where the algorithm named inside the TBS is not the one that will sign it. */
export function checkSignatureAlgorithm(
  tbs: { readonly signatureAlgorithm: SignatureAlgorithm },
  key: CertificateAuthorityKey,
): void {
  const expected = signatureAlgorithmOf(key.algorithm);
  if (namedAlgorithm(tbs) === expected) return;
  throw ruleBroken('signature-algorithm', `What this key signs names the signature algorithm ${expected}.`);
}

/** Undefined for an algorithm that is weak or not known: it is read at first use, and refused like any other. */
function namedAlgorithm(tbs: { readonly signatureAlgorithm: SignatureAlgorithm }): SignatureAlgorithm | undefined {
  try {
    return tbs.signatureAlgorithm;
  } catch (cause) {
    if (cause instanceof X509Error) return undefined;
    throw cause;
  }
}

/** @throws SignerError `outside-key-policy` where the issuer is not, byte for byte, the one that the key signs for. */
export function checkIssuer(issuer: Uint8Array, policy: CertificateAuthorityPolicy): void {
  if (bytesEqual(issuer, policy.issuerName)) return;
  throw ruleBroken('issuer-name', 'The issuer is not the name that this key signs for.');
}

function checkValidity(
  { notBefore, notAfter }: TbsCertificate,
  { policy, now }: { readonly policy: CertificateAuthorityPolicy; readonly now: Date },
): void {
  const validityMs = notAfter.getTime() - notBefore.getTime();
  if (validityMs < 0) throw ruleBroken('validity', 'notAfter is earlier than notBefore.');
  if (validityMs > policy.maxValiditySeconds * 1_000) {
    throw ruleBroken(
      'validity',
      `The validity is longer than the ${policy.maxValiditySeconds} s that this key may sign.`,
    );
  }
  if (!isCurrentStart(notBefore, { now })) {
    throw ruleBroken('not-before', 'notBefore is more than 5 minutes back, or ahead. Check the clocks, build it anew.');
  }
}

function checkSubjectKey(publicKey: PublicKeyInfo): void {
  try {
    assertStrongKey(publicKey, 'certify');
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw ruleBroken('subject-key', `The subject's key is not certified: ${cause.message}.`);
  }
}

/** RFC 5280, 4.2.1.3 and 4.2.1.9: only an authority signs certificates; CRLs of others would be indirect ones. */
function checkEndEntity({ usages }: SubjectClaims): void {
  if (usages?.has('keyCertSign') || usages?.has('cRLSign')) {
    throw ruleBroken('key-usage', 'Only an authority may have the key usages keyCertSign and cRLSign.');
  }
}

function checkAuthority(
  certificate: TbsCertificate,
  { claims, key }: { readonly claims: SubjectClaims; readonly key: CertificateAuthorityKey },
): void {
  if (!claims.constraintsAreCritical) {
    throw ruleBroken('authority', 'Basic constraints of an authority are critical (RFC 5280, 4.2.1.9).');
  }
  if (!isSelfSigned(certificate, key) && !key.policy.maySignAuthorities) {
    throw ruleBroken('authority', 'This key signs no authority but itself.');
  }
  checkPathLength(claims.constraints?.pathLength, key.policy);
}

/** A root's own certificate: the key's own public key under its own name. */
function isSelfSigned({ spki, subject }: TbsCertificate, key: CertificateAuthorityKey): boolean {
  return bytesEqual(spki, key.publicKey) && bytesEqual(subject.der, key.policy.issuerName);
}

function checkPathLength(pathLength: number | undefined, policy: CertificateAuthorityPolicy): void {
  const { maxPathLength, maySignAuthorities } = policy;
  if (pathLength === undefined) {
    if (maxPathLength === undefined && maySignAuthorities) return;
    throw ruleBroken('path-length', 'A certificate of an authority that this key signs has a path length.');
  }
  if (maxPathLength !== undefined && pathLength > maxPathLength) {
    throw ruleBroken('path-length', `The path length is above the ${maxPathLength} that this key may sign.`);
  }
}

function checkedSerial(octets: Uint8Array): Uint8Array {
  const isNegative = ((octets[0] ?? 0) & 0x80) !== 0;
  const magnitude = octets[0] === 0 ? octets.subarray(1) : octets;
  if (octets.length > MAX_SERIAL_OCTETS || isNegative || magnitude.length === 0) {
    throw ruleBroken('serial-number', 'A serial number is positive and has at most 20 octets (RFC 5280, 4.1.2.2).');
  }
  return magnitude.slice();
}
