import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { Secret } from '@cert-tasks/config';
import {
  type CreateTaskRequestSchema,
  ScheduleService,
  type Task,
  TaskService,
  WorkerService,
} from '@cert-tasks/contracts/task/v1';
import { createDatabase, type Database } from '@cert-tasks/db';
import type { HostedService } from '@cert-tasks/host';
import { createConnectClient, createGrpcClient } from '@cert-tasks/rpc';
import {
  createTestDatabase,
  type TestDatabase,
  type TestTokens,
  type TestTransportPki,
  testLog,
  testTokens,
  testTransportPki,
} from '@cert-tasks/testkit';
import { createApp } from '../src/app.ts';
import type { Config } from '../src/config.ts';
import { findHistoryBreaches, type HistoryBreach } from '../src/fsck.ts';

/** What several schedulers of a test share: database, transport CA, token issuer. */
export interface SchedulerGround {
  readonly database: TestDatabase;
  /** As the owner role, for a look behind the curtain. */
  readonly owner: Database;
  readonly pki: TestTransportPki;
  readonly tokens: TestTokens;
  /** Starts one more replica; it is stopped with the ground at the latest. */
  startScheduler(overrides?: Partial<Config>): Promise<Scheduler>;
  /** Every task whose row is not the sum of its events. */
  historyBreaches(): Promise<readonly HistoryBreach[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** One replica with clients of it. */
export interface Scheduler {
  readonly app: HostedService;
  /** Creates a task as the service cert: type "noop" in the project acme where nothing else is said. */
  create(request?: MessageInitShape<typeof CreateTaskRequestSchema>): Promise<Task>;
  /** Cancels a task as an operator of its project. */
  cancel(task: Task): Promise<Task>;
  /** As the service cert, over the internal listener. */
  readonly internal: ReturnType<typeof internalClients>;
  /** As somebody with a token, over the public listener. */
  as(claims: {
    sub: string;
    roles: Readonly<Record<string, readonly string[]>>;
  }): Promise<ReturnType<typeof publicClients>>;
  stop(): Promise<void>;
}

/** The task of an answer, which has one. */
export function taskOf({ task }: { readonly task?: Task | undefined }): Task {
  if (task === undefined) throw new Error('The answer has no task.');
  return task;
}

/** Makes a fresh database and the rest that schedulers stand on. */
export async function schedulerGround(): Promise<SchedulerGround> {
  const [database, tokens, folder] = await Promise.all([
    createTestDatabase({ service: 'task' }),
    testTokens(),
    mkdtemp(join(tmpdir(), 'cert-tasks-scheduler-')),
  ]);
  const pki = testTransportPki();
  const own = pki.service('task-scheduler');
  const files = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    jwks: join(folder, 'jwks.json'),
  };
  await Promise.all([
    writeFile(files.caFile, pki.caPem),
    writeFile(files.certFile, own.certPem),
    writeFile(files.keyFile, own.keyPem),
    writeFile(files.jwks, JSON.stringify(tokens.jwks)),
  ]);
  const owner = createDatabase({
    url: database.ownerUrl,
    schema: 'task',
    applicationName: 'test',
    maxConnections: 2,
    log: testLog().log,
    statementTimeoutMs: 30_000,
  });
  const started: Scheduler[] = [];
  const ground: SchedulerGround = {
    database,
    owner,
    pki,
    tokens,
    async startScheduler(overrides = {}) {
      const scheduler = await start({ ...config({ database, tokens, files }), ...overrides }, { pki, tokens });
      started.push(scheduler);
      return scheduler;
    },
    async historyBreaches() {
      return await Array.fromAsync(findHistoryBreaches(owner));
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((scheduler) => scheduler.stop()));
      await owner.stop();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return ground;
}

function config(ground: {
  database: TestDatabase;
  tokens: TestTokens;
  files: { caFile: string; certFile: string; keyFile: string; jwks: string };
}): Config {
  const { database, tokens, files } = ground;
  const { jwks, ...tls } = files;
  return {
    service: 'task-scheduler',
    replica: randomUUID(),
    publicListener: { host: '127.0.0.1', port: 0, tls: undefined, tlsEndsUpstream: false },
    internalListener: { host: '127.0.0.1', port: 0, tls },
    opsListener: { host: '127.0.0.1', port: 0 },
    database: { url: new Secret(database.appUrl), ownerUrl: new Secret(database.ownerUrl), poolSize: 8 },
    nats: undefined,
    tokens: { issuer: tokens.issuer, audience: tokens.audience, jwks },
    logLevel: 'info',
    otlpEndpoint: undefined,
    expireIntervalMs: 200,
    planIntervalMs: 200,
    pollIntervalMs: 1_000,
    sampleIntervalMs: 1_000,
    batchSize: 250,
    queueSize: 20_000,
  };
}

async function start(config: Config, { pki, tokens }: Pick<SchedulerGround, 'pki' | 'tokens'>): Promise<Scheduler> {
  const { log, lines } = testLog();
  const app = createApp(config, { log });
  try {
    await app.start();
  } catch (error) {
    throw new Error(`The scheduler did not start:\n${lines.join('\n')}`, { cause: error });
  }
  const internal = internalClients(`127.0.0.1:${app.ports.internal}`, pki);
  const as: Scheduler['as'] = async ({ sub, roles }) =>
    publicClients(`http://127.0.0.1:${app.ports.public}`, await tokens.mint({ sub, kind: 'user', roles }));
  return {
    app,
    internal,
    async create(request = {}) {
      return taskOf(await internal.tasks.createTask({ parent: 'projects/acme', type: 'noop', ...request }));
    },
    async cancel({ name }) {
      const { tasks } = await as({ sub: 'canceller', roles: { '*': ['operator'] } });
      return taskOf(await tasks.cancelTask({ name }));
    },
    as,
    async stop() {
      internal.close();
      await app.stop();
    },
  };
}

function internalClients(address: string, pki: TestTransportPki) {
  const { certPem, keyPem } = pki.service('cert');
  const options = {
    address,
    tls: { caPem: pki.caPem, certPem, keyPem, serverService: 'task-scheduler' },
    defaultDeadlineMs: 10_000,
    channelName: `test-${randomUUID()}`,
  } as const;
  const tasks = createGrpcClient(TaskService, options);
  const schedules = createGrpcClient(ScheduleService, options);
  const worker = createGrpcClient(WorkerService, options);
  return {
    tasks,
    schedules,
    worker,
    close(): void {
      for (const client of [tasks, schedules, worker]) client.close();
    },
  };
}

function publicClients(baseUrl: string, token: string) {
  const options = { baseUrl, token, defaultDeadlineMs: 10_000 };
  return {
    tasks: createConnectClient(TaskService, options),
    schedules: createConnectClient(ScheduleService, options),
    worker: createConnectClient(WorkerService, options),
  };
}
