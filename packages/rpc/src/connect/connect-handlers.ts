import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import {
  createConnectRouter,
  createContextKey,
  type HandlerContext,
  type MethodImpl,
  type ServiceImpl,
} from '@connectrpc/connect';
import type { UniversalHandler } from '@connectrpc/connect/protocol';
import { compressionGzip } from '@connectrpc/connect-node';
import type { IncomingCall } from '../pipeline/incoming-call.ts';
import type { OpenCall } from '../pipeline/open-call.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { ServedMethod } from '../pipeline/served-method.ts';
import { toConnectError } from './connect-error.ts';

/** The caller's IP address, which the dispatcher knows. */
export const peerAddressKey = createContextKey('', { description: 'peer address' });

/** The call that the request gate has opened. */
export const openCallKey = createContextKey<OpenCall | undefined>(undefined, { description: 'open call' });

/** A method as connect-es serves it. */
export interface ConnectHandler {
  readonly served: ServedMethod;
  readonly handle: UniversalHandler;
}

/**
 * The handlers of a pipeline for gRPC, gRPC-Web and Connect, by request path.
 *
 * The request gate opens the call (identity, limits) before a body is read; the implementation then drives it. All limits
 * are set here, once: options per service would re-enable protocols and lose them.
 */
export function connectHandlers(
  pipeline: Pipeline,
  limits: { readMaxBytes: number },
): ReadonlyMap<string, ConnectHandler> {
  const byMethod = new Map<DescMethod, ServedMethod>(pipeline.methods.map((served) => [served.desc, served]));
  const router = createConnectRouter({
    readMaxBytes: limits.readMaxBytes,
    acceptCompression: [compressionGzip],
    // A misspelt `validateOnly` must not issue a certificate: what is not known is refused. Binary callers that are newer than us are not concerned.
    jsonOptions: { registry: pipeline.registry, ignoreUnknownFields: false },
    async requestGate(context) {
      const served = byMethod.get(context.method);
      if (served === undefined) return;
      try {
        context.values.set(openCallKey, await pipeline.open(served, incomingCall(context)));
      } catch (error) {
        throw toConnectError(error);
      }
    },
  });
  for (const desc of new Set(pipeline.methods.map((served) => served.desc.parent))) {
    router.service(desc, implementation(desc, byMethod));
  }
  const handlers = new Map<string, ConnectHandler>();
  for (const handle of router.handlers) {
    const served = byMethod.get(handle.method);
    if (served !== undefined) handlers.set(handle.requestPath, { served, handle });
  }
  return handlers;
}

function implementation(desc: DescService, byMethod: ReadonlyMap<DescMethod, ServedMethod>): ServiceImpl<DescService> {
  const methods: Record<string, unknown> = {};
  for (const method of desc.methods) {
    if (byMethod.has(method)) methods[method.localName] = methodImplementation(method);
  }
  // The functions fit their methods by construction: each is made for the kind of the method it is filed under.
  return methods as ServiceImpl<DescService>;
}

function methodImplementation(method: DescMethod): MethodImpl<DescMethod> {
  const isUnary = method.methodKind === 'unary' || method.methodKind === 'client_streaming';
  const call = (context: HandlerContext): OpenCall => {
    const opened = context.values.get(openCallKey);
    if (opened === undefined) throw new TypeError(`${method.name} was called past the request gate.`);
    return opened;
  };
  const unary = async (request: Message | AsyncIterable<Message>, context: HandlerContext): Promise<Message> => {
    try {
      return await call(context).unary(() => request, asItIs);
    } catch (error) {
      throw toConnectError(error);
    }
  };
  async function* stream(request: Message | AsyncIterable<Message>, context: HandlerContext): AsyncGenerator<Message> {
    try {
      yield* call(context).stream(() => request, asItIs);
    } catch (error) {
      throw toConnectError(error);
    }
  }
  // See above: the kind of the method decides.
  return (isUnary ? unary : stream) as unknown as MethodImpl<DescMethod>;
}

function incomingCall(context: HandlerContext): IncomingCall {
  return {
    credentials: {
      authorization: context.requestHeader.get('authorization') ?? undefined,
      peerSubjectAltName: undefined,
    },
    peerAddress: context.values.get(peerAddressKey),
    timeoutMs: context.timeoutMs(),
    header: (name) => context.requestHeader.get(name) ?? undefined,
    setResponseHeader: (name, value) => context.responseHeader.set(name, value),
    onCancel(listener) {
      // The signal aborts at the deadline too, which the pipeline keeps by itself, and on success, which it ignores.
      const onAbort = (): void => {
        const left = context.timeoutMs();
        if (left === undefined || left > 0) listener();
      };
      if (context.signal.aborted) onAbort();
      else context.signal.addEventListener('abort', onAbort, { once: true });
    },
  };
}

function asItIs(message: Message): Message {
  return message;
}
