import { fileURLToPath } from 'node:url';
import { ScheduleService, TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { createHost, eventOrigin, type HostedService, type HostOverrides } from '@cert-tasks/host';
import type { Service } from '@cert-tasks/lifecycle';
import { bindService } from '@cert-tasks/rpc';
import { CreateTasks } from './application/create-tasks.ts';
import { ReadyAnnouncer } from './application/ready-announcer.ts';
import { ReadyBell } from './application/ready-bell.ts';
import { SettleAttempts } from './application/settle-attempts.ts';
import type { Config } from './config.ts';
import { schedulerLoops } from './delivery/jobs/scheduler-loops.ts';
import { schedulerErrorMapping } from './delivery/rpc/error-codes.ts';
import { scheduleHandlers } from './delivery/rpc/schedule-handlers.ts';
import { taskHandlers } from './delivery/rpc/task-handlers.ts';
import { workerHandlers } from './delivery/rpc/worker-handlers.ts';
import { TaskMetrics } from './infrastructure/metrics/task-metrics.ts';
import { NatsReadyHints } from './infrastructure/nats/nats-ready-hints.ts';
import { PostgresScheduleReader } from './infrastructure/postgres/postgres-schedule-store.ts';
import { PostgresTaskReader } from './infrastructure/postgres/postgres-task-reader.ts';
import { PostgresUnitOfWork } from './infrastructure/postgres/postgres-unit-of-work.ts';
import { leases, outbox, outboxConsumers, outboxState, requests } from './infrastructure/postgres/schema.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

/**
 * The task-scheduler, put together: nothing runs before `start`.
 *
 * @throws HostError, DbError where the settings cannot be used.
 */
export function createApp(config: Config, overrides?: HostOverrides): HostedService {
  const host = createHost({
    config,
    schema: 'task',
    migrationsFolder: MIGRATIONS,
    outbox: { outbox, outboxConsumers, outboxState },
    leases,
    requests,
    overrides,
  });
  const { clock, randomBytes, database, relay, metrics } = host;
  const { batchSize: maxBatch, queueSize: maxQueued } = config;
  const random = Math.random;
  const unitOfWork = new PostgresUnitOfWork({ database, clock, randomBytes, onEvents: () => relay.wake() });
  const bell = new ReadyBell();
  const observer = new TaskMetrics(metrics, () => bell.waiting);
  const hints = new NatsReadyHints(host.nats);
  const announcer = new ReadyAnnouncer({ bell, hints });
  const transitions = { unitOfWork, announcer, observer, random };
  const makers = { unitOfWork, announcer, observer, clock, randomBytes };
  const reader = new PostgresTaskReader(database);
  const settleAttempts = new SettleAttempts({ ...transitions, maxBatch, maxQueued });
  const lease = {
    unitOfWork,
    bell,
    observer,
    random,
    monotonicMs: () => performance.now(),
    pollMs: config.pollIntervalMs,
  };
  return host.serve({
    services: [
      bindService(
        TaskService,
        taskHandlers({
          createTasks: new CreateTasks({ ...makers, maxBatch, maxQueued }),
          cancel: { unitOfWork, observer, random },
          reader,
          originOf: eventOrigin,
        }),
      ),
      bindService(
        ScheduleService,
        scheduleHandlers({
          create: { unitOfWork, clock, randomBytes },
          reader: new PostgresScheduleReader(database),
          originOf: eventOrigin,
        }),
      ),
      bindService(WorkerService, workerHandlers({ lease, settleAttempts, clock, originOf: eventOrigin })),
    ],
    errorMappings: [schedulerErrorMapping],
    loops: [
      readySignals(bell, hints),
      ...schedulerLoops({
        expire: { ...transitions, maxBatch },
        plan: { ...makers, maxBatch },
        reader,
        taskObserver: observer,
        observer: host.observer,
        expireIntervalMs: config.expireIntervalMs,
        planIntervalMs: config.planIntervalMs,
        sampleIntervalMs: config.sampleIntervalMs,
      }),
    ],
  });
}

/** Rings for the hints of other replicas, and lets waiting workers go before the listeners stop. */
function readySignals(bell: ReadyBell, hints: NatsReadyHints): Service {
  let unsubscribe = (): void => undefined;
  return {
    name: 'ready-signals',
    start: async () => {
      unsubscribe();
      unsubscribe = hints.subscribe(() => bell.ringForAny());
    },
    stop: async () => {
      unsubscribe();
      bell.close();
    },
  };
}
