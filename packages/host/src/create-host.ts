import { readFileSync } from 'node:fs';
import type { DescService } from '@bufbuild/protobuf';
import { EventFeedService } from '@cert-tasks/contracts/event/v1';
import { createDatabase, type Database, type LeaseTable, migrate, verifyMigrations } from '@cert-tasks/db';
import { pruneRequests, type RequestTable } from '@cert-tasks/idempotency';
import { type Clock, type RandomBytes, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { Loop, type LoopObserver, type Service, ServiceGroup } from '@cert-tasks/lifecycle';
import { JetStreamPublisher, NatsConnection, StreamOwner } from '@cert-tasks/messaging';
import {
  appendEvents,
  type EventPublisher,
  eventFeedHandlers,
  type NewEvent,
  OutboxMonitor,
  OutboxRelay,
  type OutboxTables,
  pruneOutbox,
} from '@cert-tasks/outbox';
import {
  type BoundService,
  bindService,
  ConnectListener,
  createGrpcClient,
  createPipeline,
  type ErrorMapping,
  type GrpcClient,
  GrpcListener,
  HealthService,
  jwtAuthenticator,
  type ListenerName,
  type MutualTls,
  mtlsAuthenticator,
  OpsListener,
  type Pipeline,
  type Refusal,
  reflectionServices,
} from '@cert-tasks/rpc';
import { createLogger, type Logger, loopObserver, Metrics } from '@cert-tasks/telemetry';
import { PLATFORM_MAPPINGS } from './error-mappings.ts';
import { eventActor } from './event-fields.ts';
import type { HostConfig, ServiceName } from './host-config.ts';
import { HostError } from './host-error.ts';

const STATEMENT_TIMEOUT_MS = 30_000;
const PEER_DEADLINE_MS = 5_000;
const PRUNE_INTERVAL_MS = 5 * 60 * 1000;
/** The audit log takes every service's events; they are kept for it even before it first reports. */
const EVENT_CONSUMERS = ['audit'];

/** What a test may put in the place of the real thing. */
export interface HostOverrides {
  readonly clock?: Clock;
  readonly randomBytes?: RandomBytes;
  readonly log?: Logger;
}

/** What {@link createHost} is given. */
export interface HostOptions {
  readonly config: HostConfig;
  /** The service's PostgreSQL schema. */
  readonly schema: string;
  /** Its drizzle-kit folder, absolute. */
  readonly migrationsFolder: string;
  readonly outbox: OutboxTables;
  readonly leases: LeaseTable;
  readonly requests: RequestTable;
  readonly overrides?: HostOverrides | undefined;
}

/** What a service adds to its host. */
export interface HostedParts {
  readonly services: readonly BoundService[];
  readonly errorMappings: readonly ErrorMapping[];
  /** Started after the database and before anything is told or served: what refuses here has touched nothing. Stopped after the listeners. */
  readonly beforeListening?: readonly Service[];
  /** Started last, in order; stopped first. */
  readonly loops: readonly Service[];
}

/** A service with its listeners. */
export interface HostedService extends Service {
  /** Where it listens. @throws ListenerError before start. */
  readonly ports: { readonly public: number; readonly internal: number; readonly ops: number };
}

/**
 * What every service stands on: log, metrics, database, NATS, outbox relay, clients of the other services. A service builds its stores and use
 * cases on it and hands its handlers and loops to {@link Host.serve}.
 */
export interface Host {
  readonly service: ServiceName;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly database: Database;
  /** Undefined where no NATS is set: all goes by polling. */
  readonly nats: NatsConnection | undefined;
  /** To be woken after the commit of a transaction with events. */
  readonly relay: OutboxRelay;
  readonly observer: LoopObserver;
  /** Names this process among its replicas, for leases. */
  readonly holder: string;
  /** A client of another service's internal listener, which must prove to be that service. Closed when the host stops. */
  peer<S extends DescService>(desc: S, server: { service: ServiceName; address: string }): GrpcClient<S>;
  /**
   * The service with all its listeners (docs/adr/0007): public, internal, ops. Start: migrations where the owner's URL is set, database, NATS (in the
   * background), listeners, loops; stop in reverse.
   */
  serve(parts: HostedParts): HostedService;
}

/** @throws HostError 'file-unreadable'; DbError 'invalid-url', 'insecure-connection'. */
export function createHost(options: HostOptions): Host {
  const { config, overrides = {} } = options;
  const { service } = config;
  const log = overrides.log ?? createLogger({ service, level: config.logLevel });
  const clock = overrides.clock ?? systemClock;
  const randomBytes = overrides.randomBytes ?? systemRandomBytes;
  const metrics = new Metrics();
  const observer = loopObserver({ log, metrics });
  const holder = config.replica;
  const database = createDatabase({
    url: config.database.url.reveal(),
    schema: options.schema,
    applicationName: `cert-tasks-${service}`,
    maxConnections: config.database.poolSize,
    log,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const nats = config.nats === undefined ? undefined : connectNats({ nats: config.nats, service, log, metrics });
  const streamOwner =
    nats === undefined
      ? undefined
      : new StreamOwner({ connection: nats, source: service, observer, replicas: config.nats?.replicas ?? 1 });
  const publisher =
    nats === undefined || streamOwner === undefined
      ? NOBODY_LISTENS
      : new JetStreamPublisher({ connection: nats, owner: streamOwner });
  const relay = new OutboxRelay({
    db: database,
    tables: options.outbox,
    leases: options.leases,
    holder,
    publisher,
    observer,
  });
  const internalTls = readMutualTls(config.internalListener.tls);
  const clients: { close(): void }[] = [];
  const host: Host = {
    service,
    log,
    metrics,
    clock,
    randomBytes,
    database,
    nats,
    relay,
    observer,
    holder,
    peer(desc, server) {
      const client = createGrpcClient(desc, {
        address: server.address,
        tls: { ...internalTls, serverService: server.service },
        defaultDeadlineMs: PEER_DEADLINE_MS,
        channelName: `${service}-to-${server.service}`,
      });
      clients.push(client);
      return client;
    },
    serve: (parts) => hostService({ host, options, parts, internalTls, clients, streamOwner }),
  };
  return host;
}

/** The publisher of a platform without NATS: consumers read the feed. */
const NOBODY_LISTENS: EventPublisher = { publish: async () => undefined };

function connectNats(input: {
  nats: NonNullable<HostConfig['nats']>;
  service: ServiceName;
  log: Logger;
  metrics: Metrics;
}): NatsConnection {
  const { nats, service, log, metrics } = input;
  const { user, password } = nats;
  return new NatsConnection({
    url: nats.url,
    name: `cert-tasks-${service}`,
    log,
    metrics,
    ...(user !== undefined && password !== undefined && { credentials: { user, password: password.reveal() } }),
  });
}

function hostService(input: {
  host: Host;
  options: HostOptions;
  parts: HostedParts;
  internalTls: MutualTls;
  clients: readonly { close(): void }[];
  streamOwner: StreamOwner | undefined;
}): HostedService {
  const { host, options, parts, clients, streamOwner } = input;
  const listeners = createListeners(input);
  const group = new ServiceGroup({
    name: host.service,
    members: [
      { service: migrations(host, options), startDeadlineMs: 120_000 },
      host.database,
      ...(parts.beforeListening ?? []),
      closer(clients),
      ...(host.nats === undefined ? [] : [host.nats]),
      ...(streamOwner === undefined ? [] : [streamOwner]),
      host.relay,
      listeners.ops,
      listeners.internal,
      listeners.public,
      ...parts.loops,
      ...maintenance(host, options),
      serving(listeners.health),
    ],
  });
  return {
    name: host.service,
    start: () => group.start(),
    stop: () => group.stop(),
    get ports() {
      return { public: listeners.public.port, internal: listeners.internal.port, ops: listeners.ops.port };
    },
  };
}

interface Listeners {
  readonly public: ConnectListener;
  readonly internal: GrpcListener;
  readonly ops: OpsListener;
  readonly health: HealthService;
}

function createListeners(input: {
  host: Host;
  options: HostOptions;
  parts: HostedParts;
  internalTls: MutualTls;
}): Listeners {
  const { host, options, parts, internalTls } = input;
  const { config } = options;
  const feed = bindService(
    EventFeedService,
    eventFeedHandlers({
      db: host.database,
      tables: options.outbox,
      source: host.service,
      allowed: EVENT_CONSUMERS,
      relay: host.relay,
    }),
  );
  const own = [...parts.services, feed];
  const health = new HealthService({ services: own.map(({ desc }) => desc) });
  const pipeline = (listener: ListenerName): Pipeline =>
    createPipeline({
      services: [
        ...own,
        health.bound,
        ...reflectionServices({ services: [...own, health.bound].map(({ desc }) => desc), listener }),
      ],
      listener,
      authenticate: listener === 'internal' ? mtlsAuthenticator() : publicAuthenticator(host, config),
      errorMappings: [...parts.errorMappings, ...PLATFORM_MAPPINGS],
      clock: host.clock,
      log: host.log,
      metrics: host.metrics,
      onRefusal: (refusal) => recordRefusal({ host, outbox: options.outbox, refusal }),
    });
  const { tls, tlsEndsUpstream, host: publicHost, port } = config.publicListener;
  return {
    health,
    public: new ConnectListener({
      pipeline: pipeline('public'),
      host: publicHost,
      port,
      tlsEndsUpstream,
      ...(tls !== undefined && { tls: { certPem: readPem(tls.certFile), keyPem: readPem(tls.keyFile) } }),
    }),
    internal: new GrpcListener({
      pipeline: pipeline('internal'),
      host: config.internalListener.host,
      port: config.internalListener.port,
      tls: internalTls,
    }),
    ops: new OpsListener({
      ...config.opsListener,
      checks: [{ name: 'postgresql', check: () => host.database.ping() }],
      metrics: host.metrics,
      log: host.log,
    }),
  };
}

function publicAuthenticator(host: Host, { tokens }: HostConfig): ReturnType<typeof jwtAuthenticator> {
  const { issuer, audience, jwks } = tokens;
  const location = /^https?:\/\//.test(jwks) ? { url: jwks } : { file: jwks };
  return jwtAuthenticator({ issuer, audience, jwks: location, clock: host.clock, log: host.log });
}

/** A refusal for want of identity or right becomes an event; the pipeline lets one of each peer and method through in a minute. */
async function recordRefusal(input: { host: Host; outbox: OutboxTables; refusal: Refusal }): Promise<void> {
  const { host, outbox, refusal } = input;
  const event: NewEvent = {
    type: 'access.denied',
    subject: refusal.method,
    project: refusal.project ?? 'system',
    actor: eventActor(refusal),
    action: refusal.method,
    result: 'refused',
    reason: refusal.reason,
    requestId: refusal.requestId,
    peerAddress: refusal.peer,
    ...(refusal.traceparent !== undefined && { traceparent: refusal.traceparent }),
    ...(refusal.userAgent !== undefined && { userAgent: refusal.userAgent }),
    data: { suppressed: refusal.suppressed },
  };
  await host.database.transaction('access.denied', (tx) =>
    appendEvents(tx, {
      tables: outbox,
      source: host.service,
      events: [event],
      clock: host.clock,
      randomBytes: host.randomBytes,
    }),
  );
  host.relay.wake();
}

/** Forgets what is old enough to be forgotten, and measures the outbox. Safe on all replicas at once. */
function maintenance(host: Host, options: HostOptions): Service[] {
  const { database: db, observer } = host;
  const everyNowAndThen = { intervalMs: PRUNE_INTERVAL_MS, observer };
  return [
    new OutboxMonitor({ db, tables: options.outbox, consumers: EVENT_CONSUMERS, metrics: host.metrics, observer }),
    new Loop({
      name: 'outbox-prune',
      ...everyNowAndThen,
      run: async (signal) => {
        await pruneOutbox({ db, tables: options.outbox, consumers: EVENT_CONSUMERS, signal });
        return 'idle';
      },
    }),
    new Loop({
      name: 'requests-prune',
      ...everyNowAndThen,
      run: async (signal) => {
        await pruneRequests({ db, table: options.requests, signal });
        return 'idle';
      },
    }),
  ];
}

/** Migrates where the service has the owner's URL; otherwise refuses a schema that is not the code's. */
function migrations(host: Host, { config, schema, migrationsFolder: folder }: HostOptions): Service {
  const { ownerUrl } = config.database;
  return {
    name: 'migrations',
    start: async () => {
      if (ownerUrl === undefined) await verifyMigrations({ db: host.database, schema, folder });
      else await migrate({ ownerUrl: ownerUrl.reveal(), schema, folder, log: host.log });
    },
    stop: async () => undefined,
  };
}

function closer(clients: readonly { close(): void }[]): Service {
  return {
    name: 'clients',
    start: async () => undefined,
    stop: async () => {
      for (const client of clients) client.close();
    },
  };
}

/** Says SERVING once all else runs, and NOT_SERVING before anything stops. */
function serving(health: HealthService): Service {
  return {
    name: 'health',
    start: async () => health.setServing(true),
    stop: async () => health.setServing(false),
  };
}

function readMutualTls(files: HostConfig['internalListener']['tls']): MutualTls {
  return { caPem: readPem(files.caFile), certPem: readPem(files.certFile), keyPem: readPem(files.keyFile) };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new HostError('file-unreadable', `${file} cannot be read.`, {
      advice: 'Check the setting that names it, and its rights.',
      cause,
    });
  }
}
