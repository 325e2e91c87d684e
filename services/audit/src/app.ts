import { fileURLToPath } from 'node:url';
import { AuditService } from '@cert-tasks/contracts/audit/v1';
import { EventFeedService } from '@cert-tasks/contracts/event/v1';
import { KeyService, SigningService } from '@cert-tasks/contracts/signer/v1';
import { LeasedLoop, LeaseHolder } from '@cert-tasks/db';
import { createHost, type Host, type HostedService, type HostOverrides } from '@cert-tasks/host';
import { Loop, type Service } from '@cert-tasks/lifecycle';
import { eventFeedHandlers } from '@cert-tasks/outbox';
import { bindService } from '@cert-tasks/rpc';
import type { EventFeed } from './application/ports/event-feed.ts';
import { ReadTally } from './application/read-tally.ts';
import type { AuditConfig } from './config.ts';
import { CheckpointJob } from './delivery/jobs/checkpoint-job.ts';
import { LogMetrics } from './delivery/jobs/log-metrics.ts';
import { PositionJob } from './delivery/jobs/position-job.ts';
import { SequencingJob } from './delivery/jobs/sequencing-job.ts';
import { auditHandlers } from './delivery/rpc/audit-handlers.ts';
import { AUDIT_ERROR_MAPPING } from './delivery/rpc/error-codes.ts';
import { LocalEventFeed } from './infrastructure/feeds/local-event-feed.ts';
import { RpcEventFeed } from './infrastructure/feeds/rpc-event-feed.ts';
import { JetStreamPush } from './infrastructure/nats/jetstream-push.ts';
import { OutboxOwnEvents } from './infrastructure/postgres/outbox-own-events.ts';
import { PostgresCheckpointStore } from './infrastructure/postgres/postgres-checkpoint-store.ts';
import { PostgresLogReader } from './infrastructure/postgres/postgres-log-reader.ts';
import { PostgresLogWork } from './infrastructure/postgres/postgres-log-work.ts';
import { leases, outbox, outboxConsumers, outboxState, requests } from './infrastructure/postgres/schema.ts';
import { SignerWitness } from './infrastructure/signer/signer-witness.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));
const OUTBOX = { outbox, outboxConsumers, outboxState };
const SEQUENCER = 'audit-sequencer';
const CHECKPOINTER = 'audit-checkpointer';
const LEASE_TTL_MS = 10_000;
const SEQUENCE_INTERVAL_MS = 500;
/** The one who publishes may be another process than the one who sequences. */
const CHECKPOINT_INTERVAL_MS = 250;
const CHECKPOINT_BACKOFF = { baseMs: 200, maxMs: 2_000 };
const POSITION_INTERVAL_MS = 1_000;
const READS_INTERVAL_MS = 5_000;

/**
 * The audit service, put together: nothing runs before `start`.
 *
 * @throws HostError, DbError, MessagingError where the settings cannot be used.
 */
export function createApp(config: AuditConfig, overrides?: HostOverrides): HostedService {
  const host = createHost({
    config,
    schema: 'audit',
    migrationsFolder: MIGRATIONS,
    outbox: OUTBOX,
    leases,
    requests,
    overrides,
  });
  const { database: db, clock, randomBytes, observer, metrics, log, relay } = host;

  const ownEvents = new OutboxOwnEvents({ db, tables: OUTBOX, clock, randomBytes, onAppended: () => relay.wake() });
  const reader = new PostgresLogReader(db);
  const checkpoints = new PostgresCheckpointStore({ db, leases, leaseName: CHECKPOINTER });
  const work = new PostgresLogWork({
    db,
    leases,
    leaseName: SEQUENCER,
    tell: (tx, events) => ownEvents.appendIn(tx, events),
  });
  const logMetrics = new LogMetrics({ metrics, log, clock, reader });
  const reads = new ReadTally({ events: ownEvents, clock });
  const feeds = createFeeds(host, config);
  const push = host.nats && new JetStreamPush({ connection: host.nats, observer, log });

  const positions = new PositionJob({ feeds });
  const checkpointing = new CheckpointJob({
    log: reader,
    checkpoints,
    witness: createWitness(host, config),
    logObserver: logMetrics,
  });
  const checkpointLoop = new LeasedLoop({
    name: 'audit-checkpoint',
    holder: new LeaseHolder({ db, table: leases, name: CHECKPOINTER, holder: host.holder, ttlMs: LEASE_TTL_MS }),
    intervalMs: CHECKPOINT_INTERVAL_MS,
    backoff: CHECKPOINT_BACKOFF,
    observer,
    run: (run) => checkpointing.run(run),
  });
  const sequencing = new SequencingJob({
    feeds,
    push,
    log: reader,
    work,
    clock,
    observer,
    logObserver: logMetrics,
    onIntakes: (intakes) => logMetrics.watch(intakes),
    onPositions: (reached) => positions.reached(reached),
    onAppended: () => checkpointLoop.wake(),
    onOwnEvents: () => relay.wake(),
    wake: () => sequenceLoop.wake(),
  });
  const sequenceLoop = new LeasedLoop({
    name: 'audit-sequence',
    holder: new LeaseHolder({ db, table: leases, name: SEQUENCER, holder: host.holder, ttlMs: LEASE_TTL_MS }),
    intervalMs: SEQUENCE_INTERVAL_MS,
    observer,
    run: (run) => sequencing.run(run),
  });

  return host.serve({
    services: [bindService(AuditService, auditHandlers({ log: reader, checkpoints, reads }))],
    errorMappings: [AUDIT_ERROR_MAPPING],
    loops: [
      stopping('audit-reads', () => reads.flush({ all: true })),
      checkpointLoop,
      stopping('audit-ingest', () => sequencing.stop()),
      sequenceLoop,
      new Loop({
        name: 'audit-positions',
        intervalMs: POSITION_INTERVAL_MS,
        observer,
        run: (signal) => positions.run(signal),
      }),
      new Loop({
        name: 'audit-read-tally',
        intervalMs: READS_INTERVAL_MS,
        observer,
        run: async () => {
          await reads.flush({ all: false });
          return 'idle';
        },
      }),
    ],
  });
}

function createFeeds(host: Host, { addresses }: AuditConfig): EventFeed[] {
  const remote = (service: 'cert' | 'signer' | 'task-scheduler', address: string): EventFeed =>
    new RpcEventFeed({ source: service, client: host.peer(EventFeedService, { service, address }) });
  const own = eventFeedHandlers({
    db: host.database,
    tables: OUTBOX,
    source: 'audit',
    allowed: ['audit'],
    relay: host.relay,
  });
  return [
    remote('cert', addresses.cert),
    remote('signer', addresses.signer),
    remote('task-scheduler', addresses.task),
    new LocalEventFeed(own),
  ];
}

function createWitness(host: Host, { addresses, logOrigin: origin }: AuditConfig): SignerWitness {
  const server = { service: 'signer', address: addresses.signer } as const;
  return new SignerWitness({
    keys: host.peer(KeyService, server),
    signing: host.peer(SigningService, server),
    origin,
  });
}

/** What is to be done at the stop alone, after everything that was started later has stopped. */
function stopping(name: string, stop: () => Promise<void>): Service {
  return { name, start: async () => undefined, stop };
}
