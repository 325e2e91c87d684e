import { create, type DescMessage, type Message } from '@bufbuild/protobuf';
import type { Clock, RandomBytes } from '@cert-tasks/kernel';
import type { Logger } from '@cert-tasks/telemetry';
import type { Authenticate } from '../authentication/authenticate.ts';
import { ANONYMOUS, type Principal, principalId } from '../authentication/principal.ts';
import type { ListenerName } from '../authorization/access-policy.ts';
import { authorize } from '../authorization/authorize.ts';
import { CallError } from '../errors/call-error.ts';
import { type ErrorMapping, internalStatus } from '../errors/error-mapping.ts';
import { RpcError } from '../errors/rpc-error.ts';
import { type RpcStatus, StatusError } from '../errors/rpc-status.ts';
import type { CallContext, CallPeer } from './call-context.ts';
import { allowedMs } from './call-deadline.ts';
import type { CallLimiter } from './call-limits.ts';
import { type CallScope, openCallScope } from './call-scope.ts';
import type { IncomingCall } from './incoming-call.ts';
import type { MessageValidator } from './message-validator.ts';
import type { OnRefusal, RefusalFloodControl } from './refusals.ts';
import { REQUEST_ID_HEADER, requestIdFrom } from './request-id.ts';
import type { RpcMetrics } from './rpc-metrics.ts';
import type { ServedMethod } from './served-method.ts';

const MAX_USER_AGENT = 256;

/** What all calls of a pipeline share. */
export interface PipelineParts {
  readonly listener: ListenerName;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly monotonicMs: () => number;
  readonly log: Logger;
  readonly metrics: RpcMetrics;
  readonly authenticate: Authenticate;
  readonly mappings: readonly ErrorMapping[];
  readonly limiter: CallLimiter;
  readonly validate: MessageValidator;
  readonly refusals: RefusalFloodControl;
  readonly onRefusal: OnRefusal | undefined;
  readonly pendingReports: Set<Promise<unknown>>;
  /** Calls whose handler has not come to its end, answered or not. */
  readonly calls: Set<OpenCall>;
  isDraining: boolean;
}

/**
 * One call on its way through the pipeline.
 *
 * States: open → answered, once, by {@link OpenCall.unary}, {@link OpenCall.stream}, {@link OpenCall.abandon} or a refusal.
 * `#answer` is the one place where a call is answered. A handler may outlive the answer (its caller has gone, its deadline
 * has passed): it then still holds its slot and its place in `calls` until it returns, since it still costs.
 */
export class OpenCall implements CallContext {
  readonly method: string;
  readonly requestId: string;
  readonly deadline: Date | undefined;
  readonly peer: CallPeer;
  readonly userAgent?: string;
  readonly traceparent?: string;
  /** Resolves when the call is answered and its handler has returned. */
  readonly ended: Promise<void>;
  readonly #parts: PipelineParts;
  readonly #served: ServedMethod;
  readonly #scope: CallScope;
  readonly #beganMs: number;
  readonly #controller = new AbortController();
  readonly #end = Promise.withResolvers<void>();
  /** Rejects when the caller must not wait for the handler any longer. */
  readonly #interruption = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;
  #leave: (() => void) | undefined;
  #log: Logger | undefined;
  #principal: Principal = ANONYMOUS;
  #project: string | undefined;
  #isRead = false;
  #isAnswered = false;
  #handlersRunning = 0;

  private constructor(parts: PipelineParts, { method, incoming }: { method: ServedMethod; incoming: IncomingCall }) {
    this.#parts = parts;
    this.#served = method;
    this.method = method.name;
    this.#beganMs = parts.monotonicMs();
    this.peer = { address: incoming.peerAddress, listener: parts.listener };
    this.requestId = requestIdFrom(incoming.header(REQUEST_ID_HEADER), parts);
    const timeoutMs = allowedMs(method.kind, incoming.timeoutMs);
    this.deadline = timeoutMs === undefined ? undefined : new Date(parts.clock.now().getTime() + timeoutMs);
    const userAgent = incoming.header('user-agent');
    if (userAgent !== undefined) this.userAgent = userAgent.slice(0, MAX_USER_AGENT);
    this.#scope = openCallScope({
      method: method.name,
      requestId: this.requestId,
      traceparent: incoming.header('traceparent'),
    });
    if (this.#scope.traceparent !== undefined) this.traceparent = this.#scope.traceparent;
    this.ended = this.#end.promise;
    this.#interruption.promise.catch(() => undefined);
    parts.calls.add(this);
    parts.metrics.begun();
    incoming.setResponseHeader(REQUEST_ID_HEADER, this.requestId);
    incoming.onCancel(() => this.#interrupt(new CallError('cancelled', 'The caller has cancelled the call.')));
    if (timeoutMs !== undefined) this.#startTimer(timeoutMs);
  }

  /** Everything that needs no message. @throws StatusError when the call is refused. */
  static async open(
    parts: PipelineParts,
    { method, incoming }: { method: ServedMethod; incoming: IncomingCall },
  ): Promise<OpenCall> {
    const call = new OpenCall(parts, { method, incoming });
    try {
      parts.limiter.takePeer(incoming.peerAddress);
      if (parts.isDraining) throw shuttingDown();
      call.#leave = parts.limiter.enter(method.kind !== 'ordinary');
      if (!method.isServed) {
        throw new CallError('method-not-served', `${method.name} is not served on this listener.`);
      }
      if (!method.policy.anonymous) {
        call.#principal = await call.#orInterrupted(Promise.resolve(parts.authenticate(incoming.credentials)));
      }
      return call;
    } catch (error) {
      throw call.#failed(error);
    }
  }

  /** Whether the request has not become a message yet: how the call ends is then the transport's to say. */
  get isUnread(): boolean {
    return !this.#isRead && !this.#isAnswered;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get principal(): Principal {
    return this.#principal;
  }

  get project(): string | undefined {
    return this.#project;
  }

  get log(): Logger {
    this.#log ??= this.#parts.log.child({ requestId: this.requestId, method: this.method });
    return this.#log;
  }

  /**
   * Answers a call with one response. `read` gives the request and may throw for bytes that do not parse; `encode` makes of
   * the response what the transport sends.
   *
   * @throws StatusError
   */
  async unary<T>(read: () => Message | AsyncIterable<Message>, encode: (response: Message) => T): Promise<T> {
    this.#isRead = true;
    try {
      const input = this.#admitted(read());
      const output = await this.#orInterrupted(
        this.#whileRunning(async () => this.#scope.run(() => this.#served.handler(this, input))),
      );
      if (Symbol.asyncIterator in output) throw new TypeError(`${this.method} must answer with one message.`);
      const encoded = encode(this.#response(output));
      this.#answer(undefined);
      return encoded;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /**
   * Answers a call with a stream of responses. A consumer that stops early cancels the call.
   *
   * @throws StatusError
   */
  async *stream<T>(read: () => Message | AsyncIterable<Message>, encode: (response: Message) => T): AsyncGenerator<T> {
    this.#isRead = true;
    let iterator: AsyncIterator<Record<string, unknown>> | undefined;
    try {
      const input = this.#admitted(read());
      const responses = this.#scope.run(() => this.#served.handler(this, input));
      if (!(Symbol.asyncIterator in responses)) throw new TypeError(`${this.method} must answer with a stream.`);
      const running = responses[Symbol.asyncIterator]();
      iterator = running;
      for (;;) {
        const next = await this.#orInterrupted(this.#whileRunning(() => this.#scope.run(() => running.next())));
        if (next.done === true) break;
        yield encode(this.#response(next.value));
      }
      this.#answer(undefined);
    } catch (error) {
      throw this.#failed(error);
    } finally {
      if (!this.#isAnswered) this.#interrupt(new CallError('cancelled', 'The caller has stopped reading.'));
      this.#closeIterator(iterator);
    }
  }

  /** Answers a call whose request never became a message; the transport has told its caller why. */
  abandon(error: CallError): void {
    if (this.#isAnswered) return;
    this.#interrupt(error);
    this.#answer(this.#statusOf(error));
  }

  /** The service is about to stop: whoever merely waits is to come to an end, and may still answer. */
  hint(): void {
    if (this.#served.kind !== 'ordinary') this.#controller.abort(shuttingDown());
  }

  /** The service stops now. */
  cutShort(): void {
    this.#interrupt(shuttingDown());
  }

  /** Authorization, limit per principal and validation. */
  #admitted(input: Message | AsyncIterable<Message>): Message | AsyncIterable<Message> {
    const { policy, desc } = this.#served;
    const { limiter, validate } = this.#parts;
    if (Symbol.asyncIterator in input) {
      authorize({ principal: this.#principal, policy, project: undefined });
    } else {
      this.#project = policy.projectOf?.(input);
      authorize({ principal: this.#principal, policy, project: this.#project });
    }
    if (this.#principal.kind !== 'anonymous') limiter.takePrincipal(`${this.#principal.kind} ${this.#principal.id}`);
    if (Symbol.asyncIterator in input) return validated(input, (message) => validate(desc.input, message));
    validate(desc.input, input);
    return input;
  }

  #response(output: Record<string, unknown>): Message {
    const desc: DescMessage = this.#served.desc.output;
    return create(desc, output);
  }

  async #whileRunning<T>(work: () => Promise<T>): Promise<T> {
    this.#handlersRunning += 1;
    try {
      return await work();
    } finally {
      this.#handlersRunning -= 1;
      this.#settle();
    }
  }

  #orInterrupted<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#interruption.promise]);
  }

  #startTimer(timeoutMs: number): void {
    const late = (): void =>
      this.#interrupt(new CallError('deadline-exceeded', `The call did not end within ${Math.round(timeoutMs)} ms.`));
    if (timeoutMs <= 0) late();
    else this.#timer = setTimeout(late, timeoutMs);
  }

  #interrupt(reason: CallError): void {
    if (this.#isAnswered) return;
    this.#controller.abort(reason);
    this.#interruption.reject(reason);
  }

  #closeIterator(iterator: AsyncIterator<Record<string, unknown>> | undefined): void {
    if (iterator?.return === undefined) return;
    const { return: close } = iterator;
    this.#whileRunning(() => this.#scope.run(() => close.call(iterator))).catch((err: unknown) =>
      this.log.error({ err }, 'the stream of a call did not close'),
    );
  }

  #failed(error: unknown): StatusError {
    const status = this.#statusOf(error);
    if (!this.#isAnswered) this.#answer(status);
    return new StatusError(status, error);
  }

  #statusOf(error: unknown): RpcStatus {
    const told = this.signal.aborted && isAbort(error) ? this.signal.reason : error;
    for (const mapping of this.#parts.mappings) {
      const status = mapping.statusOf(told);
      if (status !== undefined) return status;
    }
    if (error instanceof Error && error.name === 'TimeoutError') {
      this.log.warn({ err: error }, 'a call ran into a time limit of its own');
      return this.#statusOf(new CallError('deadline-exceeded', 'The service could not answer in time. Try again.'));
    }
    this.log.error({ err: error }, 'a call failed with an error that no table names');
    return internalStatus(this.requestId);
  }

  #answer(status: RpcStatus | undefined): void {
    this.#isAnswered = true;
    clearTimeout(this.#timer);
    const ms = this.#parts.monotonicMs() - this.#beganMs;
    const code = status?.code ?? 'OK';
    this.#parts.metrics.ended({ method: this.method, code, seconds: ms / 1_000 });
    this.#parts.log[this.#logLevel(status)](
      {
        method: this.method,
        code,
        ms: Math.round(ms * 100) / 100,
        principal: principalId(this.#principal),
        project: this.#project,
        peer: this.peer.address,
        requestId: this.requestId,
        ...(status !== undefined && { reason: status.reason }),
      },
      'rpc',
    );
    this.#scope.end(status?.code);
    if (status?.code === 'UNAUTHENTICATED' || status?.code === 'PERMISSION_DENIED') this.#reportRefusal(status);
    this.#settle();
  }

  /** Probes, and floods that a rate has stopped, would drown what matters. */
  #logLevel(status: RpcStatus | undefined): 'debug' | 'info' {
    return this.#served.policy.anonymous || status?.reason === 'RATE_LIMITED' ? 'debug' : 'info';
  }

  #settle(): void {
    if (!this.#isAnswered || this.#handlersRunning > 0) return;
    this.#leave?.();
    this.#parts.calls.delete(this);
    this.#end.resolve();
  }

  #reportRefusal(status: RpcStatus): void {
    const { metrics, refusals, onRefusal, pendingReports, monotonicMs } = this.#parts;
    metrics.refused(status.reason);
    if (onRefusal === undefined) return;
    const suppressed = refusals.admit({ peer: this.peer.address, method: this.method }, monotonicMs());
    if (suppressed === undefined) return;
    const report = this.#scope
      .run(async () =>
        onRefusal({
          method: this.method,
          principal: this.#principal,
          project: this.#project,
          peer: this.peer.address,
          userAgent: this.userAgent,
          reason: status.reason,
          rpcCode: status.code,
          requestId: this.requestId,
          traceparent: this.traceparent,
          suppressed,
        }),
      )
      .catch((err: unknown) => this.log.error({ err }, 'a refusal could not be reported'))
      .finally(() => pendingReports.delete(report));
    pendingReports.add(report);
  }
}

async function* validated(
  messages: AsyncIterable<Message>,
  check: (message: Message) => void,
): AsyncGenerator<Message> {
  for await (const message of messages) {
    check(message);
    yield message;
  }
}

function shuttingDown(): CallError {
  return new CallError('shutting-down', 'The service is shutting down. Try again: another replica answers.', {
    retryAfterMs: 1_000,
  });
}

/** Whether an error says no more than that our own signal was obeyed. */
function isAbort(error: unknown): boolean {
  if (error instanceof RpcError) return error.rpcCode === 'CANCELLED';
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError');
}
