import { once } from 'node:events';
import { type ClientHttp2Session, connect } from 'node:http2';
import { create, fromBinary, type Message } from '@bufbuild/protobuf';
import { AnySchema, anyUnpack } from '@bufbuild/protobuf/wkt';
import { BadRequestSchema, ErrorInfoSchema, StatusSchema } from '@cert-tasks/contracts/google/rpc';

const CALL_TIMEOUT_MS = 20_000;
const ENVELOPE_BYTES = 5;

/** gRPC's codes by number. */
const CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** What came back, read from the bytes of the protocol without the platform's own clients. */
export interface Answer {
  /** gRPC's code by name; `HTTP 415` where the answer is none of the protocol. */
  readonly code: string;
  readonly message: string;
  /** google.rpc.ErrorInfo; empty where there is none. */
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** google.rpc.BadRequest: the fields at fault. */
  readonly fields: readonly string[];
  /** All that was said, details decoded: what a leak would show in. */
  readonly text: string;
  /** The response message's bytes, as sent; empty on failure. */
  readonly body: Uint8Array;
}

/** How one RPC is called over Connect (https://connectrpc.com/docs/protocol, unary). */
export interface ConnectRequest {
  readonly baseUrl: string;
  /** `package.Service/Method`. */
  readonly method: string;
  readonly contentType: string;
  readonly body: Uint8Array | string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Calls an RPC over the Connect protocol and HTTP/1.1. */
export async function callConnect(request: ConnectRequest): Promise<Answer> {
  const response = await fetch(`${request.baseUrl}/${request.method}`, {
    method: 'POST',
    headers: {
      'content-type': request.contentType,
      'connect-protocol-version': '1',
      ...(request.token !== undefined && { authorization: `Bearer ${request.token}` }),
      ...request.headers,
    },
    body: request.body,
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  });
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.ok) return { ...SUCCESS, body };
  return connectFailure(response.status, Buffer.from(body).toString());
}

/** The same over HTTP/2, where an answer may come before the request has been sent to its end. */
export async function callConnectHttp2(request: ConnectRequest): Promise<Answer> {
  const session = connect(request.baseUrl);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${request.method}`,
      'content-type': request.contentType,
      ...(request.token !== undefined && { authorization: `Bearer ${request.token}` }),
      ...request.headers,
    });
    stream.setTimeout(CALL_TIMEOUT_MS, () => stream.destroy(new Error(`${request.method} gave no answer`)));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const answered = once(stream, 'response');
    const closed = once(stream, 'close');
    stream.end(request.body);
    const [head] = await answered;
    await closed;
    const body = Buffer.concat(chunks);
    const status = Number(head[':status']);
    if (status === 200) return { ...SUCCESS, body: new Uint8Array(body) };
    return connectFailure(status, body.toString());
  } finally {
    session.destroy();
  }
}

const SUCCESS = { code: 'OK', message: '', reason: '', domain: '', metadata: {}, fields: [], text: '' };

function connectFailure(status: number, text: string): Answer {
  let error: unknown;
  try {
    error = JSON.parse(text);
  } catch {
    // An answer of HTTP rather than of the protocol.
  }
  if (typeof error !== 'object' || error === null || !('code' in error)) {
    return { ...SUCCESS, code: `HTTP ${status}`, text, body: new Uint8Array() };
  }
  const message = 'message' in error ? String(error.message) : '';
  const given: unknown = 'details' in error ? error.details : [];
  const details = (Array.isArray(given) ? given : []).map((detail: { type: string; value: string }) => ({
    typeUrl: `type.googleapis.com/${detail.type}`,
    value: new Uint8Array(Buffer.from(detail.value, 'base64')),
  }));
  return failure({ code: String(error.code).toUpperCase(), message, details, raw: text });
}

function failure(input: {
  code: string;
  message: string;
  details: readonly { typeUrl: string; value: Uint8Array }[];
  raw: string;
}): Answer {
  const unpacked: Message[] = [];
  let info: { reason: string; domain: string; metadata: Record<string, string> } | undefined;
  let fields: string[] = [];
  for (const detail of input.details) {
    const any = create(AnySchema, detail);
    const errorInfo = anyUnpack(any, ErrorInfoSchema);
    const badRequest = anyUnpack(any, BadRequestSchema);
    if (errorInfo !== undefined) info = errorInfo;
    if (badRequest !== undefined) fields = badRequest.fieldViolations.map(({ field }) => field);
    for (const message of [errorInfo, badRequest]) if (message !== undefined) unpacked.push(message);
  }
  return {
    code: input.code,
    message: input.message,
    reason: info?.reason ?? '',
    domain: info?.domain ?? '',
    metadata: info?.metadata ?? {},
    fields,
    text: [input.raw, input.message, ...unpacked.map((message) => JSON.stringify(message))].join('\n'),
    body: new Uint8Array(),
  };
}

/** Certificate, key and trust in PEM; without certificate none is shown. */
export interface ClientTls {
  readonly caPem: string;
  readonly certPem?: string;
  readonly keyPem?: string;
}

/**
 * A connection to an internal listener.
 *
 * @throws (as rejection of the first call) what TLS says where the handshake is refused.
 */
export class GrpcWire {
  readonly #session: ClientHttp2Session;
  #broken: Error | undefined;

  constructor({ port, tls }: { port: number; tls: ClientTls }) {
    this.#session = connect(`https://127.0.0.1:${port}`, {
      ca: tls.caPem,
      ...(tls.certPem !== undefined && { cert: tls.certPem }),
      ...(tls.keyPem !== undefined && { key: tls.keyPem }),
      servername: 'localhost',
      ALPNProtocols: ['h2'],
    });
    this.#session.on('error', (error) => {
      this.#broken = error;
    });
  }

  /** Sends one message, in gRPC's envelope unless `isEnveloped` says that it has one. */
  async call(method: string, message: Uint8Array, { isEnveloped = false } = {}): Promise<Answer> {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': `/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.setTimeout(CALL_TIMEOUT_MS, () => stream.destroy(new Error(`${method} gave no answer`)));
    const heads: Record<string, unknown> = {};
    for (const event of ['response', 'trailers'] as const) stream.on(event, (head) => Object.assign(heads, head));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.end(isEnveloped ? message : envelope(message));
    try {
      await once(stream, 'close');
    } catch (error) {
      throw this.#broken ?? error;
    }
    const status = heads['grpc-status'];
    if (status === undefined) {
      // What TLS said comes as the connection's own end.
      if (!this.#session.closed) await once(this.#session, 'close').catch(() => undefined);
      throw this.#broken ?? new Error(`${method} was not answered`);
    }
    const body = Buffer.concat(chunks);
    if (Number(status) === 0) return { ...SUCCESS, body: new Uint8Array(body.subarray(ENVELOPE_BYTES)) };
    const binary = Buffer.from(String(heads['grpc-status-details-bin'] ?? ''), 'base64');
    const message_ = decodeURIComponent(String(heads['grpc-message'] ?? ''));
    return failure({
      code: CODES[Number(status)] ?? String(status),
      message: message_,
      details: fromBinary(StatusSchema, binary).details,
      raw: message_,
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(ENVELOPE_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
