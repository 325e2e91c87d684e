import { checkServerIdentity as checkHost, createSecureContext, type PeerCertificate } from 'node:tls';
import {
  create,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from '@bufbuild/protobuf';
import { currentTraceparent } from '@cert-tasks/telemetry';
import {
  type CallOptions,
  ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { serviceNameOf } from '../authentication/mtls-authenticator.ts';
import type { ServiceName } from '../authentication/principal.ts';
import { retried } from '../client/retried.ts';
import type { RpcCallOptions, RpcClient } from '../client/rpc-client.ts';
import { RpcError } from '../errors/rpc-error.ts';
import { currentPropagation } from '../pipeline/call-scope.ts';
import { REQUEST_ID_HEADER } from '../pipeline/request-id.ts';
import type { MutualTls } from './grpc-listener.ts';
import { fromServiceError } from './grpc-status.ts';
import { grpcTarget, ipAddresses, isLoopbackAddress } from './grpc-target.ts';

/** A client of one service over grpc-js. */
export type GrpcClient<S extends DescService> = RpcClient<S>;

/** Options of {@link createGrpcClient}. */
export interface GrpcClientOptions {
  /** `host:port`, `dns:///host:port` (all addresses of the name in turn), or a comma list of IP addresses with ports. */
  readonly address: string;
  /**
   * Mutual TLS 1.3. With `serverService` the server must show a certificate of that service (`certtasks://service/<name>`),
   * wherever it runs; without it, one for the host name. Undefined: plain text, for loopback only.
   */
  readonly tls?: (MutualTls & { readonly serverService?: ServiceName }) | undefined;
  /** For calls that say nothing else, in milliseconds. */
  readonly defaultDeadlineMs: number;
  /** Named in the user agent: who calls whom (`cert-to-signer`). */
  readonly channelName: string;
  /** Most bytes of one response. Default 64 MiB, which a CRL may need. */
  readonly maxReceiveBytes?: number;
  /** Sent as a bearer token; for public listeners that speak plain gRPC. */
  readonly token?: string;
}

const KEEPALIVE_MS = 20_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 1_000;

/** The service config that spreads calls over all addresses of the target. */
const SERVICE_CONFIG = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/**
 * A client of one service over grpc-js. It connects when it is first used and reconnects by itself; every call has a
 * deadline and carries the request id and trace context of the call being handled.
 *
 * @throws TypeError when the address is malformed, or off loopback without TLS.
 */
export function createGrpcClient<S extends DescService>(desc: S, options: GrpcClientOptions): GrpcClient<S> {
  if (options.tls === undefined && !isLoopbackAddress(options.address)) {
    throw new TypeError(
      `The client ${options.channelName} would talk in plain text to ${options.address}. Give it TLS files.`,
    );
  }
  const client = new Client(grpcTarget(options.address), credentials(options), {
    'grpc.max_receive_message_length': options.maxReceiveBytes ?? 64 * 1_024 * 1_024,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
    'grpc.min_reconnect_backoff_ms': RECONNECT_MIN_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
    'grpc.service_config': SERVICE_CONFIG,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    'grpc.primary_user_agent': `cert-tasks/${options.channelName}`,
    // Channels are not shared between clients: each has its own credentials and its own end.
    'grpc.use_local_subchannel_pool': 1,
    ...(needsServerName(options) && { 'grpc.ssl_target_name_override': options.tls?.serverService ?? 'certtasks' }),
  });
  const methods: Record<string, unknown> = { close: () => client.close() };
  for (const method of desc.methods) methods[method.localName] = grpcMethod({ client, method, options });
  // Each function is made for the kind of the method it is filed under, which the compiler cannot follow.
  return methods as GrpcClient<S>;
}

interface MethodParts {
  readonly client: Client;
  readonly method: DescMethod;
  readonly options: GrpcClientOptions;
}

type Init = MessageInitShape<DescMethod['input']>;

function grpcMethod(parts: MethodParts): unknown {
  const { method, options } = parts;
  const withDeadline = (callOptions: RpcCallOptions = {}) => ({
    ...callOptions,
    deadlineMs: callOptions.deadlineMs ?? options.defaultDeadlineMs,
  });
  switch (method.methodKind) {
    case 'unary':
      return (request: Init, callOptions?: RpcCallOptions): Promise<Message> => {
        const merged = withDeadline(callOptions);
        return retried(merged, (leftMs) => unaryCall(parts, { request, callOptions: merged, leftMs }));
      };
    case 'server_streaming':
      return (request: Init, callOptions?: RpcCallOptions) =>
        serverStream(parts, { request, callOptions: callOptions ?? {} });
    case 'bidi_streaming':
      return (requests: AsyncIterable<Init>, callOptions?: RpcCallOptions) =>
        bidiStream(parts, { requests, callOptions: callOptions ?? {} });
    case 'client_streaming':
      return (requests: AsyncIterable<Init>, callOptions?: RpcCallOptions) =>
        clientStream(parts, { requests, callOptions: withDeadline(callOptions) });
  }
}

function unaryCall(
  { client, method, options }: MethodParts,
  { request, callOptions, leftMs }: { request: Init; callOptions: RpcCallOptions; leftMs: number },
): Promise<Message> {
  const { signal } = callOptions;
  const name = rpcName(method);
  if (signal?.aborted === true) return Promise.reject(cancelled(name, signal));
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      `/${name}`,
      encoder(method),
      decoder(method),
      request,
      metadataOf(options, callOptions),
      { deadline: Date.now() + leftMs },
      (error: ServiceError | null, response?: Message) => {
        signal?.removeEventListener('abort', cancel);
        if (error === null && response !== undefined) resolve(response);
        else if (error !== null)
          reject(fromServiceError(error, { method: name, ...(signal !== undefined && { signal }) }));
        else reject(new RpcError({ method: name, rpcCode: 'INTERNAL', message: `${name} gave no answer.` }));
      },
    );
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

function serverStream(
  { client, method, options }: MethodParts,
  { request, callOptions }: { request: Init; callOptions: RpcCallOptions },
): AsyncIterable<Message> {
  return responses(method, callOptions, () =>
    client.makeServerStreamRequest(
      `/${rpcName(method)}`,
      encoder(method),
      decoder(method),
      request,
      metadataOf(options, callOptions),
      streamOptions(callOptions),
    ),
  );
}

function bidiStream(
  { client, method, options }: MethodParts,
  { requests, callOptions }: { requests: AsyncIterable<Init>; callOptions: RpcCallOptions },
): AsyncIterable<Message> {
  return responses(method, callOptions, () => {
    const call: ClientDuplexStream<Init, Message> = client.makeBidiStreamRequest(
      `/${rpcName(method)}`,
      encoder(method),
      decoder(method),
      metadataOf(options, callOptions),
      streamOptions(callOptions),
    );
    void send(requests, call);
    return call;
  });
}

function clientStream(
  { client, method, options }: MethodParts,
  { requests, callOptions }: { requests: AsyncIterable<Init>; callOptions: RpcCallOptions },
): Promise<Message> {
  const { signal } = callOptions;
  const name = rpcName(method);
  return new Promise((resolve, reject) => {
    const call = client.makeClientStreamRequest(
      `/${name}`,
      encoder(method),
      decoder(method),
      metadataOf(options, callOptions),
      streamOptions(callOptions),
      (error: ServiceError | null, response?: Message) => {
        if (error === null && response !== undefined) resolve(response);
        else
          reject(
            error === null ? error : fromServiceError(error, { method: name, ...(signal !== undefined && { signal }) }),
          );
      },
    );
    signal?.addEventListener('abort', () => call.cancel(), { once: true });
    void send(requests, call);
  });
}

async function* responses(
  method: DescMethod,
  { signal }: RpcCallOptions,
  begin: () => ClientReadableStream<Message> | ClientDuplexStream<Init, Message>,
): AsyncGenerator<Message> {
  const name = rpcName(method);
  if (signal?.aborted === true) throw cancelled(name, signal);
  const call = begin();
  const cancel = (): void => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const response of call) yield response;
  } catch (error) {
    throw isServiceError(error)
      ? fromServiceError(error, { method: name, ...(signal !== undefined && { signal }) })
      : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    // A reader that stops early ends the call; after its end this does nothing.
    call.cancel();
  }
}

interface RequestSink {
  write(request: Init): boolean;
  once(event: 'drain' | 'close', listener: () => void): unknown;
  end(): unknown;
  cancel(): void;
}

async function send(requests: AsyncIterable<Init>, call: RequestSink): Promise<void> {
  try {
    for await (const request of requests) {
      if (!call.write(request)) {
        await new Promise<void>((resolve) => {
          call.once('drain', resolve);
          call.once('close', resolve);
        });
      }
    }
    call.end();
  } catch {
    // What the caller's own source threw ends the call; the reader of the responses learns it as CANCELLED.
    call.cancel();
  }
}

function credentials({ tls, address }: GrpcClientOptions): ChannelCredentials {
  if (tls === undefined) return ChannelCredentials.createInsecure();
  const context = createSecureContext({ ca: tls.caPem, cert: tls.certPem, key: tls.keyPem, minVersion: 'TLSv1.3' });
  const checkServerIdentity = identityCheck(address, tls.serverService);
  return ChannelCredentials.createFromSecureContext(
    context,
    checkServerIdentity === undefined ? {} : { checkServerIdentity },
  );
}

/** Undefined where the usual check of the host name will do. */
function identityCheck(address: string, service: ServiceName | undefined) {
  if (service !== undefined) {
    return (_host: string, { subjectaltname }: PeerCertificate): Error | undefined =>
      serviceNameOf(subjectaltname ?? '') === service
        ? undefined
        : new Error(`The server's certificate is not that of the service ${service}.`);
  }
  const addresses = ipAddresses(address);
  if (addresses.length === 0) return undefined;
  // The callback does not learn which of several addresses was reached; any of those that were asked for will do.
  return (_host: string, certificate: PeerCertificate): Error | undefined =>
    addresses.some((ip) => checkHost(ip, certificate) === undefined)
      ? undefined
      : new Error(`The server's certificate is not for ${addresses.join(' or ')}.`);
}

/** An IP address must not go into SNI (RFC 6066, section 3), where grpc-js would put it. */
function needsServerName({ tls, address }: GrpcClientOptions): boolean {
  return tls !== undefined && (tls.serverService !== undefined || ipAddresses(address).length > 0);
}

function metadataOf({ token }: GrpcClientOptions, callOptions: RpcCallOptions): Metadata {
  const metadata = new Metadata(callOptions.waitForReady === true ? { waitForReady: true } : {});
  const handled = currentPropagation();
  const requestId = callOptions.requestId ?? handled?.requestId;
  const traceparent = callOptions.traceparent ?? currentTraceparent() ?? handled?.traceparent;
  if (requestId !== undefined) metadata.set(REQUEST_ID_HEADER, requestId);
  if (traceparent !== undefined) metadata.set('traceparent', traceparent);
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function streamOptions({ deadlineMs }: RpcCallOptions): CallOptions {
  return deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
}

function encoder({ input }: DescMethod): (request: Init) => Buffer {
  return (request) => {
    const bytes = toBinary(input, create(input, request));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function decoder({ output }: DescMethod): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(output, bytes);
}

function rpcName(method: DescMethod): string {
  return `${method.parent.typeName}/${method.name}`;
}

function cancelled(method: string, signal: AbortSignal): RpcError {
  return new RpcError({ method, rpcCode: 'CANCELLED', message: `${method} was cancelled.`, cause: signal.reason });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'details' in error && 'metadata' in error;
}
