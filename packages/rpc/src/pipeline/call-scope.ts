import { AsyncLocalStorage } from 'node:async_hooks';
import { currentTraceparent, withRemoteParent, withSpan } from '@cert-tasks/telemetry';

/** What goes along with the calls that a handler makes to other services. */
export interface Propagation {
  readonly requestId: string;
  /** The caller's, where this process does not trace by itself. */
  readonly traceparent: string | undefined;
}

const propagation = new AsyncLocalStorage<Propagation>();

/** What the call being handled passes on; undefined outside of a handler. */
export function currentPropagation(): Propagation | undefined {
  return propagation.getStore();
}

/** The surroundings of one call: its span, and what it passes on. */
export interface CallScope {
  /** W3C trace context of the call. */
  readonly traceparent: string | undefined;
  /** Runs a part of the call in its surroundings. */
  run<T>(part: () => T): T;
  /** Ends the span, once; with the code of a failure. */
  end(failure: string | undefined): void;
}

/** W3C Trace Context, section 3.2; versions to come may append to it. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,200})?$/;

class SpanFailure extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

/** Opens the span of a call below the caller's, and keeps it open until the scope is ended. */
export function openCallScope(input: {
  method: string;
  requestId: string;
  traceparent: string | undefined;
}): CallScope {
  const { method, requestId } = input;
  const received =
    input.traceparent !== undefined && TRACEPARENT.test(input.traceparent) ? input.traceparent : undefined;
  const ended = Promise.withResolvers<void>();
  let traceparent = received;
  let run: CallScope['run'] = (part) => part();
  const span = withRemoteParent(received, () =>
    withSpan({ name: method, kind: 'server' }, { 'rpc.system': 'grpc', 'rpc.method': method }, () => {
      traceparent = currentTraceparent() ?? received;
      run = propagation.run({ requestId, traceparent }, () => AsyncLocalStorage.snapshot());
      return ended.promise;
    }),
  );
  // The failure is the call's own, which has answered it; here it only marks the span.
  span.catch(() => undefined);
  return {
    traceparent,
    run,
    end: (failure) => (failure === undefined ? ended.resolve() : ended.reject(new SpanFailure(failure))),
  };
}
