import type { UniversalServerResponse } from '@connectrpc/connect/protocol';
import { CallError } from '../errors/call-error.ts';
import { RPC_CODE_NUMBERS, rpcCodeOf } from '../errors/rpc-code.ts';
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
 * each protocol carries it, and the pipeline is told how the call ended.
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
        trailer?.delete('grpc-status-details-bin');
        code = INVALID_ARGUMENT;
      }
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
  const text = decoder.decode(chunk);
  if (!text.startsWith('{"code":"internal"')) return { bytes: chunk };
  return {
    bytes: encoder.encode(JSON.stringify({ code: 'invalid_argument', message: MESSAGE })),
    code: INVALID_ARGUMENT,
  };
}

function fixedEnvelope(chunk: Uint8Array): Fixed {
  const [flags] = chunk;
  const text = decoder.decode(chunk.subarray(ENVELOPE_HEADER_BYTES));
  if (flags === GRPC_WEB_TRAILERS) {
    const code = Number(/^grpc-status: ?(\d+)\r?$/im.exec(text)?.[1]);
    if (code !== INTERNAL) return { bytes: chunk, code };
    const trailers = `grpc-status: ${INVALID_ARGUMENT}\r\ngrpc-message: ${encodeURIComponent(MESSAGE)}\r\n`;
    return { bytes: envelope(GRPC_WEB_TRAILERS, trailers), code: INVALID_ARGUMENT };
  }
  if (flags === CONNECT_END_STREAM && text.startsWith('{"error":{"code":"internal"')) {
    const end = JSON.stringify({ error: { code: 'invalid_argument', message: MESSAGE } });
    return { bytes: envelope(CONNECT_END_STREAM, end), code: INVALID_ARGUMENT };
  }
  return { bytes: chunk };
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
