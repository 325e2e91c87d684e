import { errorMapping, type RpcCode } from '@cert-tasks/rpc';
import { SignerError, type SignerErrorCode } from '../../domain/errors.ts';

/** How each error of this service looks from outside. */
export const SIGNER_RPC_CODES: Readonly<Record<SignerErrorCode, RpcCode>> = {
  'invalid-argument': 'INVALID_ARGUMENT',
  'key-not-found': 'NOT_FOUND',
  'key-exists': 'ALREADY_EXISTS',
  'key-disabled': 'FAILED_PRECONDITION',
  'etag-mismatch': 'ABORTED',
  'outside-key-policy': 'FAILED_PRECONDITION',
  'tbs-malformed': 'INVALID_ARGUMENT',
  'intent-conflict': 'FAILED_PRECONDITION',
  'intent-voided': 'FAILED_PRECONDITION',
  'serial-reused': 'ALREADY_EXISTS',
  'checkpoint-fork': 'FAILED_PRECONDITION',
  overloaded: 'RESOURCE_EXHAUSTED',
  'sealed-key-corrupt': 'DATA_LOSS',
  'key-encryption-key-missing': 'DATA_LOSS',
  'key-encryption-key-invalid': 'INTERNAL',
};

/** The mapping of this service's errors. */
export const signerErrorMapping = errorMapping({
  errorClass: SignerError,
  domain: 'certtasks.signer',
  codes: SIGNER_RPC_CODES,
});
