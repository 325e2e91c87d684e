import { AppError } from '@cert-tasks/kernel';

/** Why a caller is not known. `keys-unavailable` is the service's own trouble, not the caller's. */
export type AuthenticationErrorCode =
  | 'token-missing'
  | 'token-rejected'
  | 'token-expired'
  | 'certificate-missing'
  | 'certificate-rejected'
  | 'keys-unavailable';

/** Raised by authenticators. It never carries a token or any part of one. */
export class AuthenticationError extends AppError<AuthenticationErrorCode> {}
