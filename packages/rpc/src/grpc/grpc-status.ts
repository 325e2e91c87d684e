import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { CallError } from '../errors/call-error.ts';
import { RPC_CODE_NUMBERS, rpcCodeOf } from '../errors/rpc-code.ts';
import { RpcError } from '../errors/rpc-error.ts';
import { type RpcStatus, StatusError } from '../errors/rpc-status.ts';
import { decodeStatusDetails, encodeStatusDetails, statusMessage } from '../errors/status-details.ts';

const DETAILS_HEADER = 'grpc-status-details-bin';

/** A failure as grpc-js sends it, its google.rpc details in the trailers. */
export function toGrpcStatus(error: unknown): StatusObject & Error {
  const status: RpcStatus =
    error instanceof StatusError
      ? error.status
      : { code: 'INTERNAL', message: 'The service met an error of its own.', reason: 'INTERNAL', domain: '' };
  const metadata = new Metadata();
  metadata.set(DETAILS_HEADER, Buffer.from(encodeStatusDetails(status)));
  const message = statusMessage(status);
  return Object.assign(new Error(message), { code: RPC_CODE_NUMBERS[status.code], details: message, metadata });
}

/** A failed call of a grpc-js client as our clients tell it. */
export function fromServiceError(
  error: ServiceError,
  { method, signal }: { method: string; signal?: AbortSignal },
): RpcError {
  const [bytes] = error.metadata?.get(DETAILS_HEADER) ?? [];
  const details = typeof bytes === 'object' ? decodeStatusDetails(bytes) : undefined;
  return new RpcError({
    method,
    rpcCode: rpcCodeOf(error.code),
    message: error.details === '' ? `${method} failed.` : error.details,
    ...(details !== undefined && { details }),
    cause: signal?.aborted === true ? signal.reason : error,
  });
}

/** The bytes that came are not a message of the RPC. */
export function malformedMessage(cause: unknown): CallError {
  return new CallError(
    'malformed-message',
    'The request is not a message of this RPC. Check its encoding against the contract.',
    { cause },
  );
}
