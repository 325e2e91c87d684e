import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@cert-tasks/contracts/event/v1';
import { type CreateKeyRequestSchema, type Key, KeyService, SigningService } from '@cert-tasks/contracts/signer/v1';
import type { HostedService } from '@cert-tasks/host';
import { createConnectClient, createGrpcClient, type RpcClient } from '@cert-tasks/rpc';
import { type TestLog, type TestTokenClaims, testLog, testTokens, testTransportPki } from '@cert-tasks/testkit';
import { createApp } from '../src/app.ts';
import { readConfig } from '../src/config.ts';
import { type SignerDatabase, signerDatabase } from './signer-database.ts';

/** Settings, transport certificates and tokens that several replicas of the service share. */
export interface SignerSetting {
  /** One replica, not started. */
  replica(changes?: Readonly<Record<string, string>>): SignerReplica;
  /** A client of a replica's public listener, as the subject of a token. */
  keysAs(replica: SignerReplica, roles: TestTokenClaims['roles']): Promise<RpcClient<typeof KeyService>>;
  /** Clients of a replica's internal listener, as one of the platform's services. */
  internalAs(replica: SignerReplica, service: string): InternalClients;
  dispose(): void;
}

/** What a platform service calls. */
export interface InternalClients {
  readonly keys: RpcClient<typeof KeyService>;
  readonly signing: RpcClient<typeof SigningService>;
}

/** A replica with what it logged. */
export interface SignerReplica {
  readonly app: HostedService;
  readonly logged: TestLog;
}

/** Makes the setting of a database. */
export async function signerSetting(options: {
  readonly appUrl: string;
  readonly ownerUrl: string;
  readonly kek: string;
}): Promise<SignerSetting> {
  const folder = mkdtempSync(join(tmpdir(), 'signer-app-'));
  const pki = testTransportPki();
  const tokens = await testTokens();
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const own = pki.service('signer');
  const env = {
    SIGNER_PUBLIC_PORT: '0',
    SIGNER_INTERNAL_PORT: '0',
    SIGNER_OPS_PORT: '0',
    SIGNER_INTERNAL_TLS_CA_FILE: file('ca.pem', pki.caPem),
    SIGNER_INTERNAL_TLS_CERT_FILE: file('signer.pem', own.certPem),
    SIGNER_INTERNAL_TLS_KEY_FILE: file('signer.key', own.keyPem),
    SIGNER_DATABASE_URL: options.appUrl,
    SIGNER_DATABASE_OWNER_URL: options.ownerUrl,
    SIGNER_TOKEN_ISSUER: tokens.issuer,
    SIGNER_TOKEN_AUDIENCE: tokens.audience,
    SIGNER_TOKEN_JWKS: file('jwks.json', JSON.stringify(tokens.jwks)),
    SIGNER_KEK_FILE: file('kek', options.kek),
    SIGNER_LEDGER_SETTLE_SECONDS: '0',
    SIGNER_LOG_LEVEL: 'debug',
  };
  const clients: { close(): void }[] = [];
  const kept = <T extends { close(): void }>(client: T): T => {
    clients.push(client);
    return client;
  };
  return {
    replica(changes = {}) {
      const logged = testLog();
      return { app: createApp(readConfig({ ...env, ...changes }), { log: logged.log }), logged };
    },
    async keysAs({ app }, roles) {
      const token = await tokens.mint({ sub: 'alice', kind: 'user', roles });
      const baseUrl = `http://127.0.0.1:${app.ports.public}`;
      return kept(createConnectClient(KeyService, { baseUrl, token, defaultDeadlineMs: 10_000 }));
    },
    internalAs({ app }, service) {
      const identity = pki.service(service);
      const options = {
        address: `127.0.0.1:${app.ports.internal}`,
        tls: { caPem: pki.caPem, ...identity, serverService: 'signer' },
        defaultDeadlineMs: 10_000,
        channelName: `${service}-test`,
      } as const;
      return {
        keys: kept(createGrpcClient(KeyService, options)),
        signing: kept(createGrpcClient(SigningService, options)),
      };
    },
    dispose() {
      for (const client of clients) client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Two replicas that run over one database, and the services that call them. */
export interface SignerPlatform {
  readonly database: SignerDatabase;
  readonly setting: SignerSetting;
  /** The key-encryption key of both, as base64. */
  readonly kek: string;
  readonly a: SignerReplica;
  readonly b: SignerReplica;
  /** cert as a client of each, audit as a client of the first. */
  readonly cert: InternalClients;
  readonly certOnB: InternalClients;
  readonly audit: InternalClients;
  /** Makes a key as cert. */
  madeKey(request: MessageInitShape<typeof CreateKeyRequestSchema>): Promise<Key>;
  /** All events about a subject so far, in order. */
  events(subject: string): Promise<readonly Event[]>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startPlatform(): Promise<SignerPlatform> {
  const kek = randomBytes(32).toString('base64');
  const database = await signerDatabase();
  const setting = await signerSetting({ appUrl: database.appUrl, ownerUrl: database.ownerUrl, kek });
  const [a, b] = [setting.replica(), setting.replica()];
  await a.app.start();
  await b.app.start();
  const cert = setting.internalAs(a, 'cert');
  return {
    database,
    setting,
    kek,
    a,
    b,
    cert,
    certOnB: setting.internalAs(b, 'cert'),
    audit: setting.internalAs(a, 'audit'),
    async madeKey(request) {
      const { key } = await cert.keys.createKey(request);
      if (key === undefined) throw new Error('No key was made.');
      return key;
    },
    async events(subject) {
      const rows = await database.admin<{ body: Uint8Array }[]>`select body from signer.outbox order by id`;
      return rows.map(({ body }) => fromBinary(EventSchema, body)).filter((event) => event.subject === subject);
    },
    async stop() {
      setting.dispose();
      await a.app.stop();
      await b.app.stop();
      await database.drop();
    },
  };
}
