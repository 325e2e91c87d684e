import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from '@cert-tasks/contracts/google/rpc';
import { ConnectError } from '@connectrpc/connect';
import { RPC_CODE_NUMBERS, rpcCodeOf } from '../errors/rpc-code.ts';
import { RpcError } from '../errors/rpc-error.ts';
import { StatusError } from '../errors/rpc-status.ts';
import { statusDetails, statusMessage } from '../errors/status-details.ts';

/** A status of the pipeline as connect-es sends it. What is no status is passed on and becomes INTERNAL there. */
export function toConnectError(error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  const { status } = error;
  return new ConnectError(
    statusMessage(status),
    RPC_CODE_NUMBERS[status.code],
    undefined,
    statusDetails(status),
    error,
  );
}

/** A failed call of a Connect client as our clients tell it. */
export function fromConnectError(error: unknown, method: string): RpcError {
  if (error instanceof RpcError) return error;
  const connectError = ConnectError.from(error);
  const [errorInfo] = connectError.findDetails(ErrorInfoSchema);
  const [badRequest] = connectError.findDetails(BadRequestSchema);
  const [retryInfo] = connectError.findDetails(RetryInfoSchema);
  return new RpcError({
    method,
    rpcCode: rpcCodeOf(connectError.code),
    message: connectError.rawMessage,
    details: {
      ...(errorInfo !== undefined && { errorInfo }),
      ...(badRequest !== undefined && { badRequest }),
      ...(retryInfo !== undefined && { retryInfo }),
    },
    cause: error,
  });
}
