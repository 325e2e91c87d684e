import { createRegistry, type DescService, type Registry } from '@bufbuild/protobuf';
import { type Clock, type RandomBytes, sleep, systemRandomBytes } from '@cert-tasks/kernel';
import type { Logger, Metrics } from '@cert-tasks/telemetry';
import type { Authenticate } from '../authentication/authenticate.ts';
import { accessPolicy, type ListenerName } from '../authorization/access-policy.ts';
import { type ErrorMapping, OWN_MAPPINGS } from '../errors/error-mapping.ts';
import type { BoundService } from './bound-service.ts';
import { type CallLimits, createCallLimiter } from './call-limits.ts';
import type { IncomingCall } from './incoming-call.ts';
import { messageValidator } from './message-validator.ts';
import { OpenCall, type PipelineParts } from './open-call.ts';
import { type OnRefusal, RefusalFloodControl } from './refusals.ts';
import { rpcMetrics } from './rpc-metrics.ts';
import type { ServedMethod } from './served-method.ts';

const MAX_TRACKED_REFUSALS = 10_000;

/** Options of {@link createPipeline}. */
export interface PipelineOptions {
  /** What is served; health and reflection are services like others. */
  readonly services: readonly BoundService[];
  /** Which listener it is: an RPC whose access option does not name it answers UNIMPLEMENTED. */
  readonly listener: ListenerName;
  readonly authenticate: Authenticate;
  /** The error tables of the modules whose errors handlers throw. */
  readonly errorMappings: readonly ErrorMapping[];
  /** Bounds of what is taken; high by default. */
  readonly limits?: CallLimits;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Told of refused calls: at most one a minute for each peer and method, the others are counted. */
  readonly onRefusal?: OnRefusal;
  /** Where request ids come from; the operating system by default. */
  readonly randomBytes?: RandomBytes;
}

/** What stands between a transport and the handlers; the same for every transport. Made by {@link createPipeline}. */
export interface Pipeline {
  readonly listener: ListenerName;
  readonly log: Logger;
  /** Every RPC of every service given, those included that this listener does not serve. */
  readonly methods: readonly ServedMethod[];
  /** The services with at least one RPC that this listener serves. */
  readonly services: readonly DescService[];
  /** All message types of the services, for JSON. */
  readonly registry: Registry;
  /**
   * Takes a call: everything that needs no message. The answer is the adapter's to drive.
   *
   * @throws StatusError when the call is refused; it is then logged and counted.
   */
  open(method: ServedMethod, incoming: IncomingCall): Promise<OpenCall>;
  /** Takes calls again after a {@link Pipeline.drain}. */
  resume(): void;
  /**
   * Refuses new calls with UNAVAILABLE, tells long polls and streams to end, and waits for what is under way; what still
   * runs after `deadlineMs` is answered UNAVAILABLE.
   */
  drain(deadlineMs: number): Promise<void>;
}

/**
 * Joins services, identity, rights, limits and errors to what listeners mount.
 *
 * Each call passes, in this order: recovery, tracing, limit per IP address, deadline, request id, slot, authentication,
 * authorization, limit per principal, validation, handler; every failure becomes a status by the error tables, and every
 * call leaves one line in the log and one count in the metrics.
 *
 * @throws TypeError when an RPC has no (or a contradictory) access option, or a service is given twice.
 */
export function createPipeline(options: PipelineOptions): Pipeline {
  const { services, listener, clock, log, limits = {}, randomBytes = systemRandomBytes } = options;
  const methods = services.flatMap((service) => servedMethods(service, listener));
  refuseDoubles(services);
  const metrics = rpcMetrics(options.metrics, listener);
  const monotonicMs = (): number => performance.now();
  const calls = new Set<OpenCall>();
  const parts: PipelineParts = {
    listener,
    clock,
    randomBytes,
    monotonicMs,
    log,
    metrics,
    authenticate: options.authenticate,
    mappings: [...options.errorMappings, ...OWN_MAPPINGS],
    limiter: createCallLimiter({ limits, onLimit: (limit) => metrics.limited(limit), monotonicMs }),
    validate: messageValidator(methods.map(({ desc }) => desc.input)),
    refusals: new RefusalFloodControl({ maxTracked: MAX_TRACKED_REFUSALS }),
    onRefusal: options.onRefusal,
    pendingReports: new Set(),
    calls,
    isDraining: false,
  };
  return {
    listener,
    log,
    methods,
    services: services
      .map(({ desc }) => desc)
      .filter((desc) => methods.some((method) => method.isServed && method.desc.parent === desc)),
    registry: createRegistry(...new Set(services.map(({ desc }) => desc.file))),
    open: (method, incoming) => OpenCall.open(parts, { method, incoming }),
    resume() {
      parts.isDraining = false;
    },
    async drain(deadlineMs) {
      parts.isDraining = true;
      for (const call of calls) call.hint();
      await settledWithin(() => [...calls].map((call) => call.ended), deadlineMs);
      for (const call of calls) call.cutShort();
      await settledWithin(() => [...parts.pendingReports], deadlineMs);
    },
  };
}

function servedMethods({ desc, handlers }: BoundService, listener: ListenerName): ServedMethod[] {
  return desc.methods.map((method) => {
    const policy = accessPolicy(method);
    const name = `${desc.typeName}/${method.name}`;
    const handler = handlers.get(method.localName);
    if (handler === undefined) throw new TypeError(`${name} has no handler.`);
    const isStream = method.methodKind !== 'unary' && (policy.anonymous || policy.longPoll);
    const kind = isStream ? 'stream' : policy.longPoll ? 'long-poll' : 'ordinary';
    return { desc: method, name, policy, kind, handler, isServed: policy.listeners.has(listener) };
  });
}

function refuseDoubles(services: readonly BoundService[]): void {
  const names = services.map(({ desc }) => desc.typeName);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) throw new TypeError(`The service ${double} is given twice.`);
}

/** Waits until nothing that `pending` names is left, or the time is up. */
async function settledWithin(pending: () => Promise<unknown>[], deadlineMs: number): Promise<void> {
  const timeUp = new AbortController();
  const late = sleep(deadlineMs, timeUp.signal).then(
    () => true,
    () => false,
  );
  for (let left = pending(); left.length > 0; left = pending()) {
    if (await Promise.race([late, Promise.allSettled(left).then(() => false)])) break;
  }
  timeUp.abort();
}
