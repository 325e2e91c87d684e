import { type ErrorMapping, errorMapping, type RpcCode } from '@cert-tasks/rpc';
import { CertError, type CertErrorCode } from '../../domain/errors.ts';

/**
 * What each refusal and failure of cert is on the wire. INTERNAL: a defect or a breach, of which callers learn nothing.
 */
export const CERT_ERROR_CODES: Readonly<Record<CertErrorCode, RpcCode>> = {
  'authority-exists': 'ALREADY_EXISTS',
  'authority-not-found': 'NOT_FOUND',
  'authority-not-active': 'FAILED_PRECONDITION',
  'no-default-authority': 'FAILED_PRECONDITION',
  'certificate-not-found': 'NOT_FOUND',
  'certificate-not-issued': 'FAILED_PRECONDITION',
  'already-renewed': 'FAILED_PRECONDITION',
  'already-revoked': 'FAILED_PRECONDITION',
  'reason-not-allowed': 'INVALID_ARGUMENT',
  'etag-mismatch': 'ABORTED',
  'profile-unknown': 'INVALID_ARGUMENT',
  'csr-malformed': 'INVALID_ARGUMENT',
  'csr-signature-invalid': 'INVALID_ARGUMENT',
  'key-not-allowed': 'INVALID_ARGUMENT',
  'name-not-allowed': 'INVALID_ARGUMENT',
  'lifetime-not-allowed': 'INVALID_ARGUMENT',
  'subject-not-allowed': 'INVALID_ARGUMENT',
  'issuer-not-allowed': 'INVALID_ARGUMENT',
  'lint-failed': 'FAILED_PRECONDITION',
  'issuance-refused': 'FAILED_PRECONDITION',
  'request-in-progress': 'ABORTED',
  'resource-name-malformed': 'INVALID_ARGUMENT',
  'key-unavailable': 'FAILED_PRECONDITION',
  'signer-unavailable': 'UNAVAILABLE',
  'signature-invalid': 'INTERNAL',
  'scheduler-unavailable': 'UNAVAILABLE',
};

/** {@link CERT_ERROR_CODES} for the pipeline. */
export const certErrorMapping: ErrorMapping = errorMapping({
  errorClass: CertError,
  domain: 'certtasks.cert',
  codes: CERT_ERROR_CODES,
});
