import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@cert-tasks/config';
import { AuthorityService, CertificateService } from '@cert-tasks/contracts/cert/v1';
import { type ConnectClient, createConnectClient } from '@cert-tasks/rpc';
import {
  createTestDatabase,
  type TestDatabase,
  type TestTokens,
  testLog,
  testTokens,
  testTransportPki,
} from '@cert-tasks/testkit';
import { type CertApp, type CertOverrides, createApp } from '../src/app.ts';
import type { CertConfig } from '../src/config.ts';

/** A person's rights in a project. */
export interface TestCaller {
  readonly sub?: string;
  readonly project: string;
  readonly roles?: readonly string[];
  /** The replica to call; the first by default. */
  readonly app?: CertApp;
}

/** A cert service in this process, over a database of its own, with clients. */
export interface TestCertApp {
  readonly app: CertApp;
  readonly database: TestDatabase;
  readonly logs: readonly string[];
  certificates(caller: TestCaller): Promise<ConnectClient<typeof CertificateService>>;
  authorities(caller: TestCaller): Promise<ConnectClient<typeof AuthorityService>>;
  /** Another replica over the same database. */
  replica(overrides?: CertOverrides): Promise<CertApp>;
  close(): Promise<void>;
}

/** What a test may change. */
export interface TestCertAppOptions {
  readonly overrides?: CertOverrides;
  readonly config?: Partial<CertConfig>;
  /** Transport files and token issuer shared with other services of the test. */
  readonly platform?: TestPlatform;
}

/** What the services of a test share. */
export interface TestPlatform {
  readonly directory: string;
  readonly tokens: TestTokens;
  /** Files of a service's transport identity. */
  transport(service: string): { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
  readonly jwksFile: string;
  close(): void;
}

/** Makes transport identities and a token issuer in a folder of the test's own. */
export async function testPlatform(): Promise<TestPlatform> {
  const directory = mkdtempSync(join(tmpdir(), 'cert-tasks-cert-test-'));
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const pki = testTransportPki();
  const tokens = await testTokens();
  const caFile = write('ca.pem', pki.caPem);
  return {
    directory,
    tokens,
    jwksFile: write('jwks.json', JSON.stringify(tokens.jwks)),
    transport(service) {
      const { certPem, keyPem } = pki.service(service);
      return { caFile, certFile: write(`${service}.pem`, certPem), keyFile: write(`${service}-key.pem`, keyPem) };
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Starts it. */
export async function startCertApp(options: TestCertAppOptions = {}): Promise<TestCertApp> {
  const platform = options.platform ?? (await testPlatform());
  const database = await createTestDatabase({ service: 'cert' });
  const { log, lines } = testLog();
  const anywhere = { host: '127.0.0.1', port: 0 };
  const config: CertConfig = {
    service: 'cert',
    replica: 'test',
    publicListener: { ...anywhere, tls: undefined, tlsEndsUpstream: false },
    internalListener: { ...anywhere, tls: platform.transport('cert') },
    opsListener: anywhere,
    database: { url: new Secret(database.appUrl), ownerUrl: new Secret(database.ownerUrl), poolSize: 6 },
    nats: undefined,
    tokens: { issuer: platform.tokens.issuer, audience: platform.tokens.audience, jwks: platform.jwksFile },
    logLevel: 'info',
    otlpEndpoint: undefined,
    pkiListener: anywhere,
    pkiBaseUrl: 'http://pki.example:8080',
    // Nobody listens there, and nothing needs to, save renewals.
    signerAddress: '127.0.0.1:1',
    taskSchedulerAddress: '127.0.0.1:1',
    recoveryAfterMs: 500,
    renewalScanIntervalMs: 60_000,
    renewalConcurrency: 4,
    renewalLeaseMs: 30_000,
    crlValidityMs: 86_400_000,
    ...options.config,
  };
  const running: CertApp[] = [];
  const start = async (overrides: CertOverrides): Promise<CertApp> => {
    const app = createApp({ ...config, replica: `test-${running.length}` }, { log, ...overrides });
    await app.start();
    running.push(app);
    return app;
  };
  const app = await start(options.overrides ?? {});
  const clients: { close(): void }[] = [];
  const connect = async <S extends typeof CertificateService | typeof AuthorityService>(
    desc: S,
    { sub = 'alice', project, roles = ['admin'], app: called = app }: TestCaller,
  ): Promise<ConnectClient<S>> => {
    const token = await platform.tokens.mint({ sub, kind: 'user', roles: { [project]: roles } });
    const client = createConnectClient(desc, {
      baseUrl: `http://127.0.0.1:${called.ports.public}`,
      token,
      defaultDeadlineMs: 15_000,
    });
    clients.push(client);
    return client;
  };
  return {
    app,
    database,
    logs: lines,
    certificates: (caller) => connect(CertificateService, caller),
    authorities: (caller) => connect(AuthorityService, caller),
    replica: (overrides = options.overrides ?? {}) => start(overrides),
    async close() {
      for (const client of clients) client.close();
      for (const one of running) await one.stop();
      await database.drop();
      if (options.platform === undefined) platform.close();
    },
  };
}
