import { AppError } from '@cert-tasks/kernel';

/** Why cert refuses or fails. Each code is a reason on the wire, in capitals (delivery/rpc/error-codes.ts). */
export type CertErrorCode =
  | 'authority-exists'
  | 'authority-not-found'
  | 'authority-not-active'
  | 'no-default-authority'
  | 'certificate-not-found'
  | 'certificate-not-issued'
  | 'already-renewed'
  | 'already-revoked'
  | 'reason-not-allowed'
  | 'etag-mismatch'
  | 'profile-unknown'
  | 'csr-malformed'
  | 'csr-signature-invalid'
  | 'key-not-allowed'
  | 'name-not-allowed'
  | 'lifetime-not-allowed'
  | 'subject-not-allowed'
  | 'issuer-not-allowed'
  | 'lint-failed'
  | 'issuance-refused'
  | 'request-in-progress'
  | 'resource-name-malformed'
  | 'key-unavailable'
  | 'signer-unavailable'
  | 'signature-invalid'
  | 'scheduler-unavailable';

/** A refusal or failure of cert. Its message says what is wrong; `advice` what to do next. Never holds a secret. */
export class CertError extends AppError<CertErrorCode> {
  override readonly name = 'CertError';
}
