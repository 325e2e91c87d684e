import type { Metrics } from '@cert-tasks/telemetry';
import type { ListenerName } from '../authorization/access-policy.ts';
import type { RpcOutcome } from '../errors/rpc-code.ts';
import type { LimitName } from './call-limits.ts';

/** What a listener counts. Methods are those of the contracts: what a caller makes up is never a label. */
export interface RpcMetrics {
  begun(): void;
  ended(call: { method: string; code: RpcOutcome; seconds: number }): void;
  refused(reason: string): void;
  limited(limit: LimitName): void;
}

/** Registers the metrics of RPC; listeners of one service share them. */
export function rpcMetrics(metrics: Metrics, listener: ListenerName): RpcMetrics {
  const requests = metrics.counter({
    name: 'certtasks_rpc_requests_total',
    help: 'Calls answered, by method and gRPC code.',
    labels: ['listener', 'method', 'code'],
  });
  const duration = metrics.histogram({
    name: 'certtasks_rpc_duration_seconds',
    help: 'Time from the first byte of a call to its answer.',
    labels: ['listener', 'method'],
  });
  const inFlight = metrics
    .gauge({ name: 'certtasks_rpc_in_flight', help: 'Calls under way.', labels: ['listener'] })
    .labels(listener);
  const refusals = metrics.counter({
    name: 'certtasks_rpc_refusals_total',
    help: 'Calls refused for want of an identity or a right, by reason.',
    labels: ['listener', 'reason'],
  });
  const limits = metrics.counter({
    name: 'certtasks_rpc_limited_total',
    help: 'Calls refused by a limit.',
    labels: ['listener', 'limit'],
  });
  return {
    begun: () => inFlight.inc(),
    ended({ method, code, seconds }) {
      inFlight.dec();
      requests.labels(listener, method, code).inc();
      duration.labels(listener, method).observe(seconds);
    },
    refused: (reason) => refusals.labels(listener, reason).inc(),
    limited: (limit) => limits.labels(listener, limit).inc(),
  };
}
