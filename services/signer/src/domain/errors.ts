import { AppError } from '@cert-tasks/kernel';

/** Everything that signer refuses or fails with on purpose. */
export type SignerErrorCode =
  | 'invalid-argument'
  | 'key-not-found'
  | 'key-exists'
  | 'key-disabled'
  | 'etag-mismatch'
  | 'outside-key-policy'
  | 'tbs-malformed'
  | 'intent-conflict'
  | 'intent-voided'
  | 'serial-reused'
  | 'checkpoint-fork'
  | 'overloaded'
  | 'sealed-key-corrupt'
  | 'key-encryption-key-missing'
  | 'key-encryption-key-invalid';

/**
 * The one error of this service. Its message and metadata may reach callers and logs: never key material, never a whole
 * TBS.
 */
export class SignerError extends AppError<SignerErrorCode> {}
