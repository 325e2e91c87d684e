import type { DescMethod, DescService, Message, MessageInitShape } from '@bufbuild/protobuf';
import { currentTraceparent } from '@cert-tasks/telemetry';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { retried } from '../client/retried.ts';
import type { RpcCallOptions, RpcClient } from '../client/rpc-client.ts';
import { isLoopback } from '../listener/listen-on.ts';
import { currentPropagation } from '../pipeline/call-scope.ts';
import { REQUEST_ID_HEADER } from '../pipeline/request-id.ts';
import { fromConnectError } from './connect-error.ts';

/** A client of one service over Connect. */
export type ConnectClient<S extends DescService> = RpcClient<S>;

/** Options of {@link createConnectClient}. */
export interface ConnectClientOptions {
  /** `https://host:port`, or `http://` on loopback. */
  readonly baseUrl: string;
  /** Sent as a bearer token. */
  readonly token?: string;
  /** For calls that say nothing else, in milliseconds. */
  readonly defaultDeadlineMs: number;
  /** The CA that the server's certificate must lead to; that of the system where absent. */
  readonly caPem?: string;
  /** Binary by default. */
  readonly format?: 'binary' | 'json';
  /** Most bytes of one response. Default 64 MiB, which a CRL may need. */
  readonly maxReceiveBytes?: number;
}

interface ClientCallOptions {
  readonly headers: Record<string, string>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * A client of one service over the Connect protocol and HTTP/2: what a program outside of the platform uses.
 *
 * @throws TypeError when the base URL is neither https nor loopback: a token does not travel in plain text.
 */
export function createConnectClient<S extends DescService>(desc: S, options: ConnectClientOptions): ConnectClient<S> {
  const { baseUrl, caPem, maxReceiveBytes = 64 * 1_024 * 1_024 } = options;
  const url = new URL(baseUrl);
  if (url.protocol !== 'https:' && !isLoopback(url.hostname.replace(/^\[(.*)\]$/, '$1'))) {
    throw new TypeError(`The base URL must be https off this machine, not ${url.protocol}//${url.host}.`);
  }
  const sessions = new Http2SessionManager(baseUrl, {}, caPem === undefined ? {} : { ca: caPem });
  const transport = createConnectTransport({
    baseUrl,
    httpVersion: '2',
    sessionManager: sessions,
    useBinaryFormat: options.format !== 'json',
    readMaxBytes: maxReceiveBytes,
    interceptors: [headers(options)],
  });
  const client: Record<string, unknown> = createClient<DescService>(desc, transport);
  const methods: Record<string, unknown> = { close: () => sessions.abort() };
  for (const method of desc.methods) {
    methods[method.localName] = connectMethod(method, { call: client[method.localName], options });
  }
  // Each function is made for the kind of the method it is filed under, which the compiler cannot follow.
  return methods as ConnectClient<S>;
}

type Init = MessageInitShape<DescMethod['input']>;
type Requests = Init | AsyncIterable<Init>;

function connectMethod(
  method: DescMethod,
  { call, options }: { call: unknown; options: ConnectClientOptions },
): unknown {
  const name = `${method.parent.typeName}/${method.name}`;
  const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
  if (isStream) {
    const stream = call as (requests: Requests, callOptions: ClientCallOptions) => AsyncIterable<Message>;
    return async function* (requests: Requests, callOptions: RpcCallOptions = {}): AsyncGenerator<Message> {
      try {
        yield* stream(requests, clientOptions(callOptions, callOptions.deadlineMs));
      } catch (error) {
        throw fromConnectError(error, name);
      }
    };
  }
  const unary = call as (requests: Requests, callOptions: ClientCallOptions) => Promise<Message>;
  return (requests: Requests, callOptions: RpcCallOptions = {}): Promise<Message> => {
    const merged = { ...callOptions, deadlineMs: callOptions.deadlineMs ?? options.defaultDeadlineMs };
    return retried(merged, async (leftMs) => {
      try {
        return await unary(requests, clientOptions(merged, leftMs));
      } catch (error) {
        throw fromConnectError(error, name);
      }
    });
  };
}

function clientOptions(
  { signal, requestId, traceparent }: RpcCallOptions,
  leftMs: number | undefined,
): ClientCallOptions {
  const handled = currentPropagation();
  const id = requestId ?? handled?.requestId;
  const parent = traceparent ?? currentTraceparent() ?? handled?.traceparent;
  return {
    headers: {
      ...(id !== undefined && { [REQUEST_ID_HEADER]: id }),
      ...(parent !== undefined && { traceparent: parent }),
    },
    ...(leftMs !== undefined && { timeoutMs: Math.max(1, Math.floor(leftMs)) }),
    ...(signal !== undefined && { signal }),
  };
}

function headers({ token }: ConnectClientOptions): Interceptor {
  return (next) => (request) => {
    if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
    return next(request);
  };
}
