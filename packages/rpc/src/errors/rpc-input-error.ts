import { AppError } from '@cert-tasks/kernel';

/** Why a request's field was refused after it had passed the contract's own rules. */
export type RpcInputErrorCode = 'invalid-field' | 'invalid-filter' | 'invalid-order-by' | 'invalid-page-token';

/**
 * A field of a request that does not mean anything, found by a handler while it parses. Callers get INVALID_ARGUMENT with
 * a field violation; `field` names it as the proto does.
 */
export class RpcInputError extends AppError<RpcInputErrorCode> {}
