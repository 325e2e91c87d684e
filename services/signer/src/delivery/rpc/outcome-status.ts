import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
  type StatusSchema,
} from '@cert-tasks/contracts/google/rpc';
import type { RpcCode } from '@cert-tasks/rpc';
import { SignerError } from '../../domain/errors.ts';
import { SIGNER_RPC_CODES, signerErrorMapping } from './error-codes.ts';

/** google.rpc.Code by name (vendored as numbers only in google.rpc.Status). */
const NUMBERS: Readonly<Record<RpcCode, number>> = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
};

const RETRY_AFTER_MS = 1_000;

/**
 * The status of one item that was not signed, as a call's own status would be. What is no refusal (the database went away,
 * too much waited) becomes UNAVAILABLE: whether the row was written is not known, and sending the item again tells.
 */
export function outcomeStatus(error: unknown): MessageInitShape<typeof StatusSchema> {
  const status = signerErrorMapping.statusOf(error);
  if (status === undefined || !(error instanceof SignerError)) return unconfirmed();
  const { violations = [], retryAfterMs, metadata = {} } = status;
  const info = create(ErrorInfoSchema, { reason: status.reason, domain: status.domain, metadata });
  return {
    code: NUMBERS[SIGNER_RPC_CODES[error.code]],
    message: status.message,
    details: [
      anyPack(ErrorInfoSchema, info),
      ...(violations.length > 0
        ? [anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations: [...violations] }))]
        : []),
      ...(retryAfterMs === undefined ? [] : [retryInfo(retryAfterMs)]),
    ],
  };
}

function unconfirmed(): MessageInitShape<typeof StatusSchema> {
  const info = create(ErrorInfoSchema, { reason: 'SIGNATURE_UNCONFIRMED', domain: 'certtasks.signer' });
  return {
    code: NUMBERS.UNAVAILABLE,
    message: 'It is not known whether this was signed. Send the same intent again, or resolve it.',
    details: [anyPack(ErrorInfoSchema, info), retryInfo(RETRY_AFTER_MS)],
  };
}

function retryInfo(ms: number) {
  const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
  return anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay }));
}
