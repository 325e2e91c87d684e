import { create, type DescMessage, fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { type Any, anyPack, anyUnpack } from '@bufbuild/protobuf/wkt';
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
  StatusSchema,
} from '@cert-tasks/contracts/google/rpc';
import { RPC_CODE_NUMBERS } from './rpc-code.ts';
import type { RpcStatus } from './rpc-status.ts';

/**
 * Details travel in an HTTP trailer, and peers give up on header blocks above 8 KiB. With these bounds a status stays
 * below half of that even where every byte is escaped.
 */
const MAX_MESSAGE_LENGTH = 1_024;
const MAX_VIOLATIONS = 16;
const MAX_TEXT_LENGTH = 256;
const MAX_METADATA = 16;

/** A detail of a status: a message with its schema. */
export interface StatusDetail {
  readonly desc: DescMessage;
  readonly value: Message;
}

/** What a caller finds in the details of a status. */
export interface DecodedDetails {
  readonly errorInfo?: ErrorInfo;
  readonly badRequest?: BadRequest;
  readonly retryInfo?: RetryInfo;
}

/** The message as it is sent: bounded. */
export function statusMessage(status: RpcStatus): string {
  return truncated(status.message, MAX_MESSAGE_LENGTH);
}

/** The google.rpc details of a status: ErrorInfo always, BadRequest and RetryInfo where there is something to say. */
export function statusDetails(status: RpcStatus): StatusDetail[] {
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(status.metadata ?? {}).slice(0, MAX_METADATA)) {
    metadata[truncated(key, 64)] = truncated(value, MAX_TEXT_LENGTH);
  }
  const details: StatusDetail[] = [
    {
      desc: ErrorInfoSchema,
      value: create(ErrorInfoSchema, { reason: status.reason, domain: status.domain, metadata }),
    },
  ];
  if (status.violations !== undefined && status.violations.length > 0) {
    const fieldViolations = status.violations.slice(0, MAX_VIOLATIONS).map(({ field, description }) => ({
      field: truncated(field, MAX_TEXT_LENGTH),
      description: truncated(description, MAX_TEXT_LENGTH),
    }));
    details.push({ desc: BadRequestSchema, value: create(BadRequestSchema, { fieldViolations }) });
  }
  if (status.retryAfterMs !== undefined) {
    const ms = Math.max(0, Math.ceil(status.retryAfterMs));
    const retryDelay = { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 };
    details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
  }
  return details;
}

/** The bytes of `grpc-status-details-bin`: a google.rpc.Status. */
export function encodeStatusDetails(status: RpcStatus): Uint8Array {
  const details: Any[] = statusDetails(status).map(({ desc, value }) => anyPack<DescMessage>(desc, value));
  const code = RPC_CODE_NUMBERS[status.code];
  return toBinary(StatusSchema, create(StatusSchema, { code, message: statusMessage(status), details }));
}

/** Reads `grpc-status-details-bin`. A peer may send anything: what does not decode counts as absent. */
export function decodeStatusDetails(bytes: Uint8Array): DecodedDetails {
  let found: DecodedDetails = {};
  try {
    for (const any of fromBinary(StatusSchema, bytes).details) {
      const errorInfo = anyUnpack(any, ErrorInfoSchema);
      if (errorInfo !== undefined) found = { ...found, errorInfo };
      const badRequest = anyUnpack(any, BadRequestSchema);
      if (badRequest !== undefined) found = { ...found, badRequest };
      const retryInfo = anyUnpack(any, RetryInfoSchema);
      if (retryInfo !== undefined) found = { ...found, retryInfo };
    }
  } catch {
    return found;
  }
  return found;
}

function truncated(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
