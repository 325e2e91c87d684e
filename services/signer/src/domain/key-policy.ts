import { isEmptyName, parseName, X509Error } from '@cert-tasks/x509';
import { SignerError } from './errors.ts';

/** What a key is for. The texts are stored and are part of what a sealed key is bound to (ADR 2): they never change. */
export type KeyPurpose = 'certificate-authority' | 'log-checkpoint';

/** What a certificate-authority key may sign. */
export interface CertificateAuthorityPolicy {
  readonly purpose: 'certificate-authority';
  /** DER Name that everything signed has as its issuer, byte for byte. */
  readonly issuerName: Uint8Array;
  /** Longest validity of a certificate in seconds, notAfter less notBefore. */
  readonly maxValiditySeconds: number;
  /** Whether it may sign CA certificates for keys other than itself. */
  readonly maySignAuthorities: boolean;
  /**
   * Greatest pathLenConstraint of a CA certificate; one without a length is then refused. Undefined: no limit where
   * `maySignAuthorities` is set, and otherwise a length must be there.
   */
  readonly maxPathLength: number | undefined;
}

/** What a log's key may sign: checkpoints of this origin. */
export interface LogCheckpointPolicy {
  readonly purpose: 'log-checkpoint';
  /** First line of every checkpoint (C2SP tlog-checkpoint). */
  readonly origin: string;
}

/** What a key may sign, fixed when it is made. */
export type KeyPolicy = CertificateAuthorityPolicy | LogCheckpointPolicy;

const MAX_NAME_BYTES = 8_192;
/** 100 years of 365.25 days. */
const MAX_VALIDITY_SECONDS = 3_155_760_000;
const MAX_PATH_LENGTH = 255;
const MAX_ORIGIN_BYTES = 255;

/**
 * The policy, checked; its bytes are a copy.
 *
 * @param field How the caller named the field that held the policy, for errors.
 * @throws SignerError `invalid-argument` naming the field at fault.
 */
export function checkedKeyPolicy(policy: KeyPolicy, field: string): KeyPolicy {
  return policy.purpose === 'certificate-authority'
    ? checkedCertificateAuthorityPolicy(policy, field)
    : checkedLogCheckpointPolicy(policy, field);
}

function checkedCertificateAuthorityPolicy(
  policy: CertificateAuthorityPolicy,
  field: string,
): CertificateAuthorityPolicy {
  const issuerName = policy.issuerName.slice();
  checkIssuerName(issuerName, `${field}.issuer_name`);
  if (!isWholeNumber(policy.maxValiditySeconds, { min: 1, max: MAX_VALIDITY_SECONDS })) {
    throw invalid(`${field}.max_validity`, `Give a longest validity in whole seconds, from 1 s to 100 years.`);
  }
  if (policy.maxPathLength !== undefined && !isWholeNumber(policy.maxPathLength, { min: 0, max: MAX_PATH_LENGTH })) {
    throw invalid(`${field}.max_path_length`, `Give a path length from 0 to ${MAX_PATH_LENGTH}, or none.`);
  }
  return { ...policy, issuerName };
}

function checkIssuerName(der: Uint8Array, field: string): void {
  if (der.length > MAX_NAME_BYTES) throw invalid(field, `Give a name of at most ${MAX_NAME_BYTES} bytes.`);
  try {
    // RFC 5280, 4.1.2.4: the issuer field is not empty.
    if (!isEmptyName(parseName(der))) return;
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw invalid(field, `Give the DER of a distinguished name: ${cause.message}.`, cause);
  }
  throw invalid(field, 'An issuer name has at least one attribute (RFC 5280, 4.1.2.4).');
}

function checkedLogCheckpointPolicy(policy: LogCheckpointPolicy, field: string): LogCheckpointPolicy {
  const { origin } = policy;
  // The origin doubles as the key name of signed notes, which has neither spaces nor plus signs (C2SP signed-note).
  const isFit = origin !== '' && origin.isWellFormed() && !/[\s+\p{C}]/u.test(origin);
  if (!isFit || Buffer.byteLength(origin) > MAX_ORIGIN_BYTES) {
    throw invalid(
      field,
      `Give an origin of 1 to ${MAX_ORIGIN_BYTES} bytes without spaces, control characters and "+".`,
    );
  }
  return policy;
}

function isWholeNumber(value: number, range: { readonly min: number; readonly max: number }): boolean {
  return Number.isSafeInteger(value) && value >= range.min && value <= range.max;
}

function invalid(field: string, message: string, cause?: unknown): SignerError {
  return new SignerError('invalid-argument', message, { field, ...(cause !== undefined && { cause }) });
}
