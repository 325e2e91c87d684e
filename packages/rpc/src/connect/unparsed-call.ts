import { toBinary } from '@bufbuild/protobuf';
import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { CallError } from '../errors/call-error.ts';
import { OWN_MAPPINGS } from '../errors/error-mapping.ts';
import { RPC_CODE_NUMBERS, rpcCodeOf } from '../errors/rpc-code.ts';
import type { RpcStatus } from '../errors/rpc-status.ts';
import { encodeStatusDetails, statusDetails } from '../errors/status-details.ts';
import type { OpenCall } from '../pipeline/open-call.ts';

const MESSAGE = 'The request is not a message of this RPC. Check its encoding against the contract.';
const INTERNAL = RPC_CODE_NUMBERS.INTERNAL;
const INVALID_ARGUMENT = RPC_CODE_NUMBERS.INVALID_ARGUMENT;

/** Envelope flags: gRPC-Web's trailers, and the last message of a Connect stream. */
const GRPC_WEB_TRAILERS = 0x80;
const CONNECT_END_STREAM = 0x02;
const ENVELOPE_HEADER_BYTES = 5;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * connect-es answers binary that does not parse with INTERNAL, as if the fault were ours. A call that was opened and has
 * not reached its handler when the response is written is such a one: INTERNAL becomes INVALID_ARGUMENT in the form that
 * each protocol carries it, with the google.rpc details that every refusal has, and the pipeline is told how the call ended.
 */
export function withUnparsedCall(
  response: UniversalServerResponse,
  { openCall, isHttp1 }: { openCall: () => OpenCall | undefined; isHttp1: boolean },
): UniversalServerResponse {
  const { body, trailer } = response;
  if (body === undefined) return response;
  const header = response.header ?? new Headers();
  const isConnectError = response.status !== 200 && header.get('content-type') === 'application/json';
  const isMalformed = response.status === 500 && isConnectError && isUnread(openCall());
  return { ...response, header, status: isMalformed ? 400 : response.status, body: corrected(body) };

  async function* corrected(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let code: number | undefined;
    for await (const chunk of chunks) {
      const call = openCall();
      if (!isUnread(call)) {
        yield chunk;
        continue;
      }
      const fixed = isConnectError ? fixedUnary(chunk) : fixedEnvelope(chunk);
      if (isConnectError) header.set('content-length', String(fixed.bytes.byteLength));
      // What was not read of the body stands between this answer and the next request of the connection.
      if (isHttp1) header.set('connection', 'close');
      code = fixed.code ?? code;
      yield fixed.bytes;
    }
    const call = openCall();
    if (!isUnread(call)) return;
    const sent = trailer?.get('grpc-status');
    if (sent !== null && sent !== undefined) {
      code = Number(sent);
      if (code === INTERNAL) {
        trailer?.set('grpc-status', String(INVALID_ARGUMENT));
        trailer?.set('grpc-message', encodeURIComponent(MESSAGE));
        code = INVALID_ARGUMENT;
      }
      trailer?.set('grpc-status-details-bin', base64(encodeStatusDetails(statusOf(code))));
    }
    call.abandon(callErrorOf(code));
  }
}

function isUnread(call: OpenCall | undefined): call is OpenCall {
  return call?.isUnread === true;
}

interface Fixed {
  readonly bytes: Uint8Array;
  readonly code?: number;
}

function fixedUnary(chunk: Uint8Array): Fixed {
  const error = connectError(decoder.decode(chunk));
  return error === undefined
    ? { bytes: chunk }
    : { bytes: encoder.encode(JSON.stringify(error.body)), code: error.code };
}

function fixedEnvelope(chunk: Uint8Array): Fixed {
  const [flags] = chunk;
  const text = decoder.decode(chunk.subarray(ENVELOPE_HEADER_BYTES));
  if (flags === GRPC_WEB_TRAILERS) {
    const sent = Number(/^grpc-status: ?(\d+)\r?$/im.exec(text)?.[1]);
    const code = sent === INTERNAL ? INVALID_ARGUMENT : sent;
    const [, told = ''] = /^grpc-message: ?(.*?)\r?$/im.exec(text) ?? [];
    const message = sent === INTERNAL ? encodeURIComponent(MESSAGE) : told;
    const details = base64(encodeStatusDetails(statusOf(code)));
    const trailers = `grpc-status: ${code}\r\ngrpc-message: ${message}\r\ngrpc-status-details-bin: ${details}\r\n`;
    return { bytes: envelope(GRPC_WEB_TRAILERS, trailers), code };
  }
  if (flags === CONNECT_END_STREAM) {
    const error = connectError(text, 'error');
    if (error === undefined) return { bytes: chunk };
    return { bytes: envelope(CONNECT_END_STREAM, JSON.stringify({ error: error.body })), code: error.code };
  }
  return { bytes: chunk };
}

/** A Connect error as connect-es has written it, with its code put right and its details added; undefined for what is none. */
function connectError(text: string, within?: 'error'): { readonly code: number; readonly body: object } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error: unknown = within === undefined ? parsed : Object(parsed)[within];
  if (typeof error !== 'object' || error === null || !('code' in error) || typeof error.code !== 'string')
    return undefined;
  const isOurFault = error.code === 'internal';
  const code = isOurFault ? INVALID_ARGUMENT : numberOf(error.code);
  const message = isOurFault || !('message' in error) ? MESSAGE : error.message;
  const details = statusDetails(statusOf(code)).map(({ desc, value }) => ({
    type: desc.typeName,
    value: base64(toBinary(desc, value)),
  }));
  return { code, body: { code: isOurFault ? 'invalid_argument' : error.code, message, details } };
}

function numberOf(connectCode: string): number {
  // Connect writes gRPC's names in lower case, and CANCELLED with one L.
  const name = connectCode === 'canceled' ? 'CANCELLED' : connectCode.toUpperCase();
  return Object.entries(RPC_CODE_NUMBERS).find(([code]) => code === name)?.[1] ?? INVALID_ARGUMENT;
}

/** What the pipeline would have answered by itself. */
function statusOf(code: number | undefined): RpcStatus {
  const error = callErrorOf(code);
  for (const mapping of OWN_MAPPINGS) {
    const status = mapping.statusOf(error);
    if (status !== undefined) return status;
  }
  throw new TypeError(`${error.code} has no mapping.`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64').replace(/=+$/, '');
}

function envelope(flags: number, text: string): Uint8Array {
  const data = encoder.encode(text);
  const bytes = new Uint8Array(ENVELOPE_HEADER_BYTES + data.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, flags);
  view.setUint32(1, data.byteLength);
  bytes.set(data, ENVELOPE_HEADER_BYTES);
  return bytes;
}

function callErrorOf(code: number | undefined): CallError {
  switch (code === undefined ? 'INVALID_ARGUMENT' : rpcCodeOf(code)) {
    case 'RESOURCE_EXHAUSTED':
      return new CallError('message-too-large', 'The request is larger than this listener takes.');
    case 'DEADLINE_EXCEEDED':
      return new CallError('deadline-exceeded', 'The request did not arrive in time.');
    case 'CANCELLED':
      return new CallError('cancelled', 'The caller has cancelled the call.');
    default:
      return new CallError('malformed-message', MESSAGE);
  }
}
