import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { CallContext } from './call-context.ts';

/** The function that answers one RPC. What it returns is the plain shape of the response message. */
export type Handler<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (ctx: CallContext, request: MessageShape<I>) => Promise<MessageInitShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (ctx: CallContext, request: MessageShape<I>) => AsyncIterable<MessageInitShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (ctx: CallContext, requests: AsyncIterable<MessageShape<I>>) => Promise<MessageInitShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (ctx: CallContext, requests: AsyncIterable<MessageShape<I>>) => AsyncIterable<MessageInitShape<O>>
          : never;

/** One handler for every RPC of a service. */
export type Handlers<S extends DescService> = {
  readonly [P in keyof S['method']]: Handler<S['method'][P]>;
};

/** A handler whose message types are erased; {@link bindService} has checked them. */
export type ErasedHandler = (
  ctx: CallContext,
  input: Message | AsyncIterable<Message>,
) => Promise<Record<string, unknown>> | AsyncIterable<Record<string, unknown>>;

/** A service with its handlers, ready to be mounted on any listener. */
export interface BoundService {
  readonly desc: DescService;
  /** By the method's local name. */
  readonly handlers: ReadonlyMap<string, ErasedHandler>;
}

/**
 * Joins a service's contract with its handlers.
 *
 * @throws TypeError when an RPC has no handler.
 */
export function bindService<S extends DescService>(desc: S, handlers: Handlers<S>): BoundService {
  const given = new Map<string, unknown>(Object.entries(handlers));
  const bound = new Map<string, ErasedHandler>();
  for (const method of desc.methods) {
    const handler = given.get(method.localName);
    if (typeof handler !== 'function') {
      throw new TypeError(`${desc.typeName}/${method.name} has no handler ${method.localName}.`);
    }
    // Handlers<S> has checked the message types against this very method; the pipeline parses by its descriptor.
    bound.set(method.localName, handler.bind(handlers) as ErasedHandler);
  }
  return { desc, handlers: bound };
}
