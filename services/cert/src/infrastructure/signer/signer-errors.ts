import { type RpcCode, RpcError } from '@cert-tasks/rpc';
import { CertError, type CertErrorCode } from '../../domain/errors.ts';

/**
 * Answers that are for good: signer has looked at the request and refuses it, now and on every repeat. Anything else
 * leaves open whether it was carried out, or
 * says nothing of the request itself (no right, no such method), and what is open is asked again.
 */
const FINAL: ReadonlySet<RpcCode> = new Set<RpcCode>([
  'FAILED_PRECONDITION',
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
]);

const RETRY_AFTER_MS = 1_000;

/** What signer said of one request. */
export interface SignerRefusal {
  readonly rpcCode: RpcCode;
  /** google.rpc.ErrorInfo.reason: KEY_DISABLED, OUTSIDE_KEY_POLICY. */
  readonly reason: string;
  readonly message: string;
  readonly cause?: unknown;
}

/** The CertError for an answer of signer's: `refusal` where it is for good, `signer-unavailable` otherwise. */
export function fromSigner(refused: SignerRefusal, refusal: CertErrorCode): CertError {
  if (!FINAL.has(refused.rpcCode)) return signerUnavailable(refused.cause ?? refused.message);
  return new CertError(refusal, `Signer refuses (${refused.reason}): ${refused.message}`, {
    advice: 'Look at the key of the authority: its state and what it may sign.',
    metadata: { signer_reason: refused.reason },
    cause: refused.cause,
  });
}

/** {@link fromSigner} for a call that failed; what is no RpcError stays what it is. */
export function fromRpcError(error: unknown, refusal: CertErrorCode): unknown {
  if (!(error instanceof RpcError)) return error;
  const { rpcCode, reason, message } = error;
  return fromSigner({ rpcCode, reason, message, cause: error }, refusal);
}

/** Signer gave no answer that settles anything. */
export function signerUnavailable(cause: unknown): CertError {
  return new CertError('signer-unavailable', 'The signer cannot be reached, or did not answer in time.', {
    advice: 'Repeat the call with the same request id; what was begun is ended by itself.',
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}
