import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodClientStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';

/** What may be said about one call. */
export interface RpcCallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Most milliseconds for the call with all its retries; the client's default where absent. */
  readonly deadlineMs?: number;
  /** Names the call in the logs of the other side; that of the call being handled where absent. */
  readonly requestId?: string;
  /** W3C trace context; that of the current span where absent. */
  readonly traceparent?: string;
  /**
   * Tries again on UNAVAILABLE, with jitter, up to this many attempts in all (2 to 10). Only for what may be repeated: the
   * first attempt may have been carried out.
   */
  readonly retry?: { readonly attempts: number };
  /** Waits for a connection until the deadline, rather than failing at once while there is none. gRPC only. */
  readonly waitForReady?: boolean;
}

/** How one RPC is called. Failures are RpcErrors. */
export type RpcMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: RpcCallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: RpcCallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: RpcCallOptions) => Promise<MessageShape<O>>
        : M extends DescMethodBiDiStreaming<infer I, infer O>
          ? (requests: AsyncIterable<MessageInitShape<I>>, options?: RpcCallOptions) => AsyncIterable<MessageShape<O>>
          : never;

/** A client of one service; the same for every transport. */
export type RpcClient<S extends DescService> = {
  readonly [P in keyof S['method']]: RpcMethod<S['method'][P]>;
} & {
  /** Closes the connections. Calls under way fail. */
  close(): void;
};
