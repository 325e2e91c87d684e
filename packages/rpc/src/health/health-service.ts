import type { DescService } from '@bufbuild/protobuf';
import {
  Health,
  type HealthCheckResponse_ServingStatus,
  HealthCheckResponse_ServingStatus as Status,
} from '@cert-tasks/contracts/grpc/health/v1';
import { type BoundService, bindService } from '../pipeline/bound-service.ts';
import type { CallContext } from '../pipeline/call-context.ts';
import { HealthError } from './health-error.ts';

/** The name that stands for the process as a whole (grpc.health.v1). */
const OVERALL = '';

/**
 * The standard health service (grpc.health.v1) of one process: what load balancers ask. It knows the process as a whole,
 * the empty name, and each service by its full name; all are NOT_SERVING until they are said to serve.
 */
export class HealthService {
  /** To be mounted on every listener. */
  readonly bound: BoundService;
  readonly #statuses = new Map<string, HealthCheckResponse_ServingStatus>();
  #watchers = new Set<() => void>();

  constructor({ services }: { services: readonly DescService[] }) {
    for (const name of [OVERALL, ...services.map(({ typeName }) => typeName)]) {
      this.#statuses.set(name, Status.NOT_SERVING);
    }
    this.bound = bindService(Health, {
      check: async (_ctx, { service }) => ({ status: this.#known(service) }),
      list: async () => ({
        statuses: Object.fromEntries([...this.#statuses].map(([name, status]) => [name, { status }])),
      }),
      watch: (ctx, { service }) => this.#watch(ctx, service),
    });
  }

  /** Says whether the process takes work; those who watch are told. */
  setServing(isServing: boolean): void {
    for (const name of this.#statuses.keys()) {
      this.#statuses.set(name, isServing ? Status.SERVING : Status.NOT_SERVING);
    }
    const watchers = this.#watchers;
    this.#watchers = new Set();
    for (const wake of watchers) wake();
  }

  #known(service: string): HealthCheckResponse_ServingStatus {
    const status = this.#statuses.get(service);
    if (status === undefined) throw new HealthError('service-unknown', 'No service of that name is known here.');
    return status;
  }

  /** A name that is not known is watched as SERVICE_UNKNOWN, as the contract asks. */
  async *#watch(
    { signal }: CallContext,
    service: string,
  ): AsyncGenerator<{ status: HealthCheckResponse_ServingStatus }> {
    let sent: HealthCheckResponse_ServingStatus | undefined;
    while (!signal.aborted) {
      const status = this.#statuses.get(service) ?? Status.SERVICE_UNKNOWN;
      if (status !== sent) yield { status };
      sent = status;
      if (status === (this.#statuses.get(service) ?? Status.SERVICE_UNKNOWN)) await this.#changed(signal);
    }
    signal.throwIfAborted();
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
    });
  }
}
