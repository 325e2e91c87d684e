import { AppError } from '@cert-tasks/kernel';
import type { RpcCode } from './rpc-code.ts';
import type { FieldViolation } from './rpc-status.ts';
import type { DecodedDetails } from './status-details.ts';

/** The gRPC code in the form of an AppError's code: `not-found`. */
export type RpcErrorCode =
  | 'cancelled'
  | 'unknown'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'out-of-range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data-loss'
  | 'unauthenticated';

const CODES: Readonly<Record<RpcCode, RpcErrorCode>> = {
  CANCELLED: 'cancelled',
  UNKNOWN: 'unknown',
  INVALID_ARGUMENT: 'invalid-argument',
  DEADLINE_EXCEEDED: 'deadline-exceeded',
  NOT_FOUND: 'not-found',
  ALREADY_EXISTS: 'already-exists',
  PERMISSION_DENIED: 'permission-denied',
  RESOURCE_EXHAUSTED: 'resource-exhausted',
  FAILED_PRECONDITION: 'failed-precondition',
  ABORTED: 'aborted',
  OUT_OF_RANGE: 'out-of-range',
  UNIMPLEMENTED: 'unimplemented',
  INTERNAL: 'internal',
  UNAVAILABLE: 'unavailable',
  DATA_LOSS: 'data-loss',
  UNAUTHENTICATED: 'unauthenticated',
};

/** What {@link RpcError} is made of. */
export interface RpcErrorInit {
  /** The method called: `certtasks.signer.v1.SigningService/BatchSign`. */
  readonly method: string;
  readonly rpcCode: RpcCode;
  readonly message: string;
  readonly details?: DecodedDetails;
  readonly cause?: unknown;
}

/**
 * A call to another service that failed, as the client sees it: rebuilt from the code, the message and the google.rpc
 * details that came back, or made here where no answer came (UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED).
 *
 * It is not meant to pass through: an adapter translates it to the error of its own module, and one that a handler lets
 * escape is answered as INTERNAL. What a service said about its insides is not for our own callers.
 */
export class RpcError extends AppError<RpcErrorCode> {
  readonly rpcCode: RpcCode;
  /** The method called. */
  readonly method: string;
  /** `google.rpc.ErrorInfo.reason`; the rpcCode where the other side sent none. */
  readonly reason: string;
  /** `google.rpc.ErrorInfo.domain`; empty where the other side sent none. */
  readonly domain: string;
  /** The fields at fault, where the other side named any. `field` is the first of them. */
  readonly violations: readonly FieldViolation[];

  constructor({ method, rpcCode, message, details = {}, cause }: RpcErrorInit) {
    const { errorInfo, badRequest, retryInfo } = details;
    const violations = (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({ field, description }));
    const field = violations[0]?.field;
    const advice = errorInfo?.metadata['advice'];
    const delay = retryInfo?.retryDelay;
    super(CODES[rpcCode], message, {
      ...(field !== undefined && { field }),
      ...(advice !== undefined && { advice }),
      ...(delay !== undefined && { retryAfterMs: Number(delay.seconds) * 1_000 + Math.ceil(delay.nanos / 1_000_000) }),
      ...(errorInfo !== undefined && { metadata: errorInfo.metadata }),
      cause,
    });
    this.rpcCode = rpcCode;
    this.method = method;
    this.reason = errorInfo?.reason ?? rpcCode;
    this.domain = errorInfo?.domain ?? '';
    this.violations = violations;
  }
}
