import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { AuditService } from '@cert-tasks/contracts/audit/v1';
import { type Event, EventFeedService } from '@cert-tasks/contracts/event/v1';
import { createDatabase, type Database } from '@cert-tasks/db';
import type { HostedService } from '@cert-tasks/host';
import { systemClock } from '@cert-tasks/kernel';
import {
  bindService,
  createConnectClient,
  createPipeline,
  GrpcListener,
  mtlsAuthenticator,
  type RpcClient,
} from '@cert-tasks/rpc';
import { Metrics } from '@cert-tasks/telemetry';
import {
  createTestDatabases,
  type TestDatabases,
  type TestLog,
  type TestNats,
  type TestTokenClaims,
  testLog,
  testTokens,
  testTransportPki,
} from '@cert-tasks/testkit';
import { createApp as createSigner } from '../../signer/src/app.ts';
import { readConfig as readSignerConfig } from '../../signer/src/config.ts';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { type EventFields, sampleEvent } from '../src/testing/sample-events.ts';

/** A service that has nothing but a feed. */
export interface FeedService {
  readonly source: string;
  /** Makes as many further events. */
  emit(count: number, change?: EventFields): readonly Event[];
  /** Positions that audit reported. */
  readonly reported: readonly bigint[];
}

/** audit among the services that it needs: the real signer, and the feeds of the others. */
export interface AuditPlatform {
  readonly databases: TestDatabases;
  readonly cert: FeedService;
  readonly task: FeedService;
  readonly signer: HostedService;
  /** A replica of audit, not started; its settings may be changed. */
  replica(changes?: Readonly<Record<string, string>>): { readonly app: HostedService; readonly logged: TestLog };
  /** A client of a replica's public listener. */
  clientOf(app: HostedService, claims: Pick<TestTokenClaims, 'sub' | 'roles'>): Promise<RpcClient<typeof AuditService>>;
  /** As the superuser, in the schema of audit. */
  readonly admin: Database;
  stop(): Promise<void>;
}

/** Starts all but audit itself. */
export async function auditPlatform({ nats }: { nats?: TestNats } = {}): Promise<AuditPlatform> {
  const folder = mkdtempSync(join(tmpdir(), 'audit-platform-'));
  const databases = await createTestDatabases();
  const pki = testTransportPki();
  const tokens = await testTokens();
  const { log } = testLog();
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const caFile = file('ca.pem', pki.caPem);
  const jwks = file('jwks.json', JSON.stringify(tokens.jwks));
  const settings = (prefix: string, service: string, database: { appUrl: string; ownerUrl: string }) => {
    const identity = pki.service(service);
    const entries = {
      PUBLIC_PORT: '0',
      INTERNAL_PORT: '0',
      OPS_PORT: '0',
      INTERNAL_TLS_CA_FILE: caFile,
      INTERNAL_TLS_CERT_FILE: file(`${service}.pem`, identity.certPem),
      INTERNAL_TLS_KEY_FILE: file(`${service}.key`, identity.keyPem),
      DATABASE_URL: database.appUrl,
      DATABASE_OWNER_URL: database.ownerUrl,
      TOKEN_ISSUER: tokens.issuer,
      TOKEN_AUDIENCE: tokens.audience,
      TOKEN_JWKS: jwks,
      LOG_LEVEL: 'debug',
    };
    return Object.fromEntries(Object.entries(entries).map(([name, value]) => [`${prefix}_${name}`, value]));
  };
  const signerEnv = {
    ...settings('SIGNER', 'signer', databases.services.signer),
    SIGNER_KEK_FILE: file('kek', randomBytes(32).toString('base64')),
  };
  const signer = createSigner(readSignerConfig(signerEnv), { log });
  await signer.start();
  const feeds = ['cert', 'task-scheduler'].map((source) => {
    const feed = feedService(source, pki.caPem, pki.service(source));
    return feed;
  });
  for (const { listener } of feeds) await listener.start();
  const [cert, task] = feeds;
  if (cert === undefined || task === undefined) throw new Error('There are two feeds.');
  const env = {
    ...settings('AUDIT', 'audit', databases.services.audit),
    AUDIT_CERT_ADDRESS: `127.0.0.1:${cert.listener.port}`,
    AUDIT_TASK_ADDRESS: `127.0.0.1:${task.listener.port}`,
    AUDIT_SIGNER_ADDRESS: `127.0.0.1:${signer.ports.internal}`,
    AUDIT_LOG_ORIGIN: 'log.test/audit',
    ...(nats !== undefined && {
      AUDIT_NATS_URL: nats.url,
      AUDIT_NATS_USER: nats.credentials('audit').user,
      AUDIT_NATS_PASSWORD: nats.credentials('audit').password,
    }),
  };
  const admin = createDatabase({
    url: databases.adminUrl,
    schema: 'audit',
    applicationName: 'audit-test',
    maxConnections: 2,
    log,
    statementTimeoutMs: 10_000,
  });
  const apps: HostedService[] = [];
  const clients: { close(): void }[] = [];
  return {
    databases,
    cert,
    task,
    signer,
    admin,
    replica(changes = {}) {
      const logged = testLog();
      const app = createApp(readConfig({ ...env, ...changes }), { log: logged.log });
      apps.push(app);
      return { app, logged };
    },
    async clientOf(app, { sub, roles }) {
      const token = await tokens.mint({ sub, kind: 'user', roles });
      const baseUrl = `http://127.0.0.1:${app.ports.public}`;
      const client = createConnectClient(AuditService, { baseUrl, token, defaultDeadlineMs: 10_000 });
      clients.push(client);
      return client;
    },
    async stop() {
      for (const client of clients) client.close();
      for (const app of apps) await app.stop();
      await signer.stop();
      for (const { listener } of feeds) await listener.stop();
      await admin.stop();
      await databases.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function feedService(source: string, caPem: string, identity: { certPem: string; keyPem: string }) {
  const events: Event[] = [];
  const reported: bigint[] = [];
  const watchers = new Set<() => void>();
  const feed = bindService(EventFeedService, {
    async readEvents(ctx, { afterNumber, pageSize, wait }) {
      const page = () => events.slice(Number(afterNumber), Number(afterNumber) + (pageSize || 500));
      if (page().length === 0 && wait !== undefined) {
        await new Promise<void>((resolve) => {
          const end = (): void => {
            clearTimeout(timer);
            watchers.delete(end);
            resolve();
          };
          const timer = setTimeout(end, durationMs(wait));
          ctx.signal.addEventListener('abort', end, { once: true });
          watchers.add(end);
        });
      }
      return { events: page(), lastNumber: BigInt(events.length) };
    },
    async reportPosition(_ctx, { number }) {
      reported.push(number);
      return { number };
    },
  });
  const pipeline = createPipeline({
    services: [feed],
    listener: 'internal',
    authenticate: mtlsAuthenticator(),
    errorMappings: [],
    clock: systemClock,
    log: testLog().log,
    metrics: new Metrics({ processMetrics: false }),
  });
  const listener = new GrpcListener({
    pipeline,
    host: '127.0.0.1',
    port: 0,
    tls: { caPem, ...identity },
    drainMs: 100,
  });
  return {
    source,
    listener,
    reported,
    emit(count: number, change: EventFields = {}) {
      const made = Array.from({ length: count }, () => {
        const event = sampleEvent({ source, number: BigInt(events.length + 1) }, change);
        events.push(event);
        return event;
      });
      for (const watcher of watchers) watcher();
      return made;
    },
  };
}
