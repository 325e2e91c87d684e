import { create, type JsonObject } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type HeartbeatTasksRequest,
  type LeasedTask,
  LeasedTaskSchema,
  type LeaseTasksRequest,
  WorkerService,
} from '@cert-tasks/contracts/task/v1';
import { AppError, sleep, systemClock } from '@cert-tasks/kernel';
import {
  bindService,
  createGrpcClient,
  createPipeline,
  errorMapping,
  type GrpcClient,
  GrpcListener,
} from '@cert-tasks/rpc';
import { createLogger, type Logger, Metrics } from '@cert-tasks/telemetry';

type FakeErrorCode = 'fence-stale' | 'scheduler-away' | 'result-too-large';

export class FakeError extends AppError<FakeErrorCode> {}

/** A task to hand out. */
export interface Planned {
  readonly id: string;
  readonly type?: string;
  readonly payload?: JsonObject;
  readonly attempt?: number;
  readonly attemptTimeoutMs?: number;
}

/** What came of a task. */
export interface Report {
  readonly name: string;
  readonly fence: bigint;
  readonly kind: 'completed' | 'failed';
  readonly result?: JsonObject | undefined;
  readonly reason?: string;
  readonly message?: string;
  readonly final?: boolean;
}

/**
 * WorkerService in memory, on a real listener. It gives out what is planned, remembers what it is told, and fails, refuses
 * or stays silent when a test says so.
 */
export class FakeScheduler {
  readonly leases: LeaseTasksRequest[] = [];
  readonly heartbeats: HeartbeatTasksRequest[] = [];
  readonly reports: Report[] = [];
  /** Answers a heartbeat of a task: undefined holds the lease. */
  lostReason: (name: string) => string | undefined = () => undefined;
  /** Thrown by the next calls of that kind, one each. */
  readonly failNext: Record<'lease' | 'heartbeat' | 'report', AppError[]> = { lease: [], heartbeat: [], report: [] };
  /** While true no heartbeat gets through. */
  isHeartbeatDown = false;
  readonly log: Logger;
  readonly #planned: LeasedTask[] = [];
  readonly #listener: GrpcListener;
  #client: GrpcClient<typeof WorkerService> | undefined;
  #fence = 0n;
  #wake: (() => void) | undefined;

  constructor() {
    this.log = createLogger({ service: 'test', level: 'silent' });
    const service = bindService(WorkerService, {
      leaseTasks: async ({ signal }, request) => {
        this.leases.push(request);
        this.#throwNext('lease');
        if (this.#planned.length === 0) await this.#arrival(signal);
        return { tasks: this.#planned.splice(0, request.maxTasks) };
      },
      heartbeatTasks: async (_ctx, request) => {
        if (this.isHeartbeatDown) throw new FakeError('scheduler-away', 'Down.');
        this.#throwNext('heartbeat');
        this.heartbeats.push(request);
        return {
          outcomes: request.heartbeats.map(({ name }) => {
            const reason = this.lostReason(name);
            return { held: reason === undefined, reason: reason ?? '' };
          }),
        };
      },
      completeTask: async (_ctx, { name, fence, result }) => {
        this.#throwNext('report');
        this.reports.push({ name, fence, kind: 'completed', result });
        return {};
      },
      failTask: async (_ctx, { name, fence, reason, message, final }) => {
        this.#throwNext('report');
        this.reports.push({ name, fence, kind: 'failed', reason, message, final });
        return {};
      },
    });
    const pipeline = createPipeline({
      services: [service],
      listener: 'public',
      authenticate: () => ({ kind: 'service', id: 'cert' }),
      errorMappings: [
        errorMapping({
          errorClass: FakeError,
          domain: 'test',
          codes: {
            'fence-stale': 'FAILED_PRECONDITION',
            'scheduler-away': 'UNAVAILABLE',
            'result-too-large': 'INVALID_ARGUMENT',
          },
        }),
      ],
      clock: systemClock,
      log: this.log,
      metrics: new Metrics({ processMetrics: false }),
    });
    this.#listener = new GrpcListener({ pipeline, host: '127.0.0.1', port: 0, drainMs: 500 });
  }

  get client(): GrpcClient<typeof WorkerService> {
    if (this.#client === undefined) throw new Error('The fake scheduler is not started.');
    return this.#client;
  }

  async start(): Promise<void> {
    await this.#listener.start();
    this.#client = createGrpcClient(WorkerService, {
      address: `127.0.0.1:${this.#listener.port}`,
      defaultDeadlineMs: 2_000,
      channelName: 'worker-to-fake',
    });
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await this.#listener.stop();
  }

  plan(...tasks: readonly Planned[]): void {
    for (const { id, type = 'test.do', payload = {}, attempt = 1, attemptTimeoutMs = 60_000 } of tasks) {
      this.#fence += 1n;
      const name = `projects/p1/tasks/${id}`;
      const attemptTimeout = durationFromMs(attemptTimeoutMs);
      const task = { name, type, payload, attempt, attemptTimeout };
      this.#planned.push(create(LeasedTaskSchema, { task, fence: this.#fence }));
    }
    this.#wake?.();
  }

  #throwNext(kind: 'lease' | 'heartbeat' | 'report'): void {
    const error = this.failNext[kind].shift();
    if (error !== undefined) throw error;
  }

  async #arrival(signal: AbortSignal): Promise<void> {
    const arrived = new AbortController();
    this.#wake = () => arrived.abort();
    await sleep(20_000, AbortSignal.any([signal, arrived.signal])).catch(() => undefined);
  }
}

/** Waits until the condition holds, at most `ms`. */
export async function until(what: string, condition: () => boolean, ms = 5_000): Promise<void> {
  const endsAt = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`Waited in vain until ${what}.`);
    await sleep(5);
  }
}
