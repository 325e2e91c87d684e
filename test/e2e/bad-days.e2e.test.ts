import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CertificateState } from '@cert-tasks/contracts/cert/v1';
import { sleep } from '@cert-tasks/kernel';
import { RpcError } from '@cert-tasks/rpc';
import { checkPortsFree, StackError, type TransportService } from '@cert-tasks/stack';
import { waitFor } from '@cert-tasks/testkit';
import postgres, { type Sql } from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, PROJECT, TestPlatform } from '../test-platform.ts';
import { liveThrough, newOrder, proveLogged } from './certificate-story.ts';
import { descendants, type Ended, failToStart, freePortBase, waitUntilGone } from './started-platform.ts';

const REPOSITORY = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const SERVICES: readonly TransportService[] = ['cert', 'signer', 'task-scheduler', 'audit'];
const SCHEMAS = ['cert', 'signer', 'task', 'audit'] as const;
const parent = `projects/${PROJECT}`;
/** What a person is told: one line of the program's, and no stack. */
const ONE_LINE = /^cert-tasks: [^\n]+\n$/;

let test: TestPlatform;
let clients: Clients;
let sql: Sql;

beforeAll(async () => {
  test = await TestPlatform.start({ extraSettings: { cert: { CERT_RECOVERY_AFTER: '2s' } } });
  clients = test.clients();
  sql = postgres(test.platform.databaseUrl, { max: 1, onnotice: () => undefined, idle_timeout: 1 });
}, 120_000);

afterAll(async () => {
  await sql?.end();
  await test?.stop();
}, 60_000);

describe('wrong settings', () => {
  it.each(SERVICES)('%s names all that it lacks in one go, and all that it cannot use', async (service) => {
    const prefix = { cert: 'CERT', signer: 'SIGNER', 'task-scheduler': 'TASK', audit: 'AUDIT' }[service];
    const wrong = {
      [`${prefix}_PUBLIC_PORT`]: 'seventy',
      [`${prefix}_OPS_PORT`]: '70000',
      [`${prefix}_DATABASE_POOL_SIZE`]: '-1',
      [`${prefix}_LOG_LEVEL`]: 'loud',
      [`${prefix}_DATABASE_URI`]: 'postgresql://somebody:hidden-password@127.0.0.1/x',
      [`${prefix}_NATS_URL`]: 'ftp://127.0.0.1',
    };
    const run = await runService(service, wrong);
    expect(run.code).toBe(1);
    const lines = run.stdout.trim().split('\n');
    expect(lines).toHaveLength(1);
    const missing = ['INTERNAL_PORT', 'INTERNAL_TLS_CA_FILE', 'DATABASE_URL', 'TOKEN_ISSUER', 'TOKEN_JWKS'];
    for (const name of [...Object.keys(wrong), ...missing.map((suffix) => `${prefix}_${suffix}`)]) {
      expect(lines[0]).toContain(name);
    }
    expect(run.stdout + run.stderr).not.toContain('hidden-password');
  });

  it('of the platform’s ports are told in one line, before anything is started', async () => {
    const run = await withHome((home) =>
      failToStart({ CERT_TASKS_HOME: home, CERT_TASKS_PORT_BASE: '65530', CERT_TASKS_PORT_NATS: 'x' }),
    );
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(ONE_LINE);
    expect(run.stderr).toContain('CERT_TASKS_PORT_BASE');
    expect(run.stderr).toContain('CERT_TASKS_PORT_NATS');
  });
});

describe('a port in use', () => {
  it('is named in one line, and nothing is started', async () => {
    const { base, ports } = await freePortBase();
    const squatters = await Promise.all([listen(ports['cert-public']), listen(ports.postgres)]);
    try {
      await withHome(async (home) => {
        const run = await failToStart({ CERT_TASKS_HOME: home, CERT_TASKS_PORT_BASE: base });
        expect(run.code).toBe(1);
        expect(run.stderr).toMatch(ONE_LINE);
        for (const port of [ports['cert-public'], ports.postgres]) expect(run.stderr).toContain(String(port));
        expect(run.stderr).toContain('CERT_TASKS_PORT_CERT_PUBLIC');
        // Not so much as the folder of its data.
        expect(existsSync(join(home, 'postgres'))).toBe(false);
      });
    } finally {
      for (const server of squatters) server.close();
    }
    await checkPortsFree(ports);
  });

  it('that is taken between the look and the start fails it, and nothing stays half-started', async () => {
    const port = test.platform.ports['audit-public'];
    await test.platform.service('audit').stop();
    const squatter = await listen(port);
    try {
      const failure = await failureOf(test.platform.restart('audit'));
      expect(failure).toContain(String(port));
      expect(failure).toMatch(/in use/);
      expect(test.platform.service('audit').pid).toBeUndefined();
      await checkPortsFree({ 'audit-internal': test.platform.ports['audit-internal'] });
    } finally {
      squatter.close();
      await test.platform.restart('audit');
    }
  });
});

describe('a database', () => {
  it('that is newer than the code is not touched', async () => {
    await sql`insert into cert.schema_migrations (position, tag, hash) values (999, '0999_from_the_future', 'x')`;
    try {
      const failure = await failureOf(test.platform.restart('cert'));
      expect(failure).toContain('0999_from_the_future');
      expect(failure).toContain('Use the newer version');
      expect(test.platform.service('cert').pid).toBeUndefined();
      await checkPortsFree({
        'cert-public': test.platform.ports['cert-public'],
        'cert-internal': test.platform.ports['cert-internal'],
        'cert-ops': test.platform.ports['cert-ops'],
        'cert-pki': test.platform.ports['cert-pki'],
      });
    } finally {
      await sql`delete from cert.schema_migrations where position = 999`;
    }
    await test.platform.restart('cert');
    await reconnected();
  });

  it('that refuses makes for a line that does not tell the password', async () => {
    const { appUrl, ownerUrl } = test.platform.databases.signer;
    const wrong = (url: string): string => {
      const changed = new URL(url);
      changed.password = 'not-the-password';
      return changed.href;
    };
    try {
      const failure = await failureOf(
        test.platform.restart('signer', {
          SIGNER_DATABASE_URL: wrong(appUrl),
          SIGNER_DATABASE_OWNER_URL: wrong(ownerUrl),
        }),
      );
      expect(failure).toMatch(/signer ended with code 1 while starting/);
      expect(failure).toContain('password authentication failed');
      expect(failure).not.toContain('not-the-password');
      expect(test.platform.service('signer').pid).toBeUndefined();
    } finally {
      await test.platform.restart('signer');
      await reconnected();
    }
  });

  it('that is an own one and cannot be reached ends npm start in one line', async () => {
    const { base, ports } = await freePortBase();
    const run = await withHome((home) =>
      failToStart({
        CERT_TASKS_HOME: home,
        CERT_TASKS_PORT_BASE: base,
        DATABASE_URL: 'postgresql://somebody:hidden-password@127.0.0.1:1/postgres',
      }),
    );
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(ONE_LINE);
    expect(run.stdout + run.stderr).not.toContain('hidden-password');
    await checkPortsFree(ports);
  });
});

describe('an abort while it starts', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('by %s leaves nothing behind', async (signal) => {
    const { base, ports } = await freePortBase();
    await withHome(async (home) => {
      const child = spawn(process.execPath, [join(REPOSITORY, 'packages/cli/src/start.ts')], {
        env: { PATH: process.env['PATH'] ?? '', CERT_TASKS_HOME: home, CERT_TASKS_PORT_BASE: base },
        stdio: 'ignore',
      });
      const exited = once(child, 'exit');
      const pid = child.pid ?? 0;
      const started = await waitFor(
        () => {
          const below = descendants(pid);
          return below.length >= 2 ? below : undefined;
        },
        { what: 'its first processes', timeoutMs: 30_000 },
      );
      child.kill(signal);
      await exited;
      await waitUntilGone([pid, ...started]);
      await waitFor(
        () =>
          checkPortsFree(ports).then(
            () => true,
            () => false,
          ),
        { what: 'its ports to be free', timeoutMs: 20_000 },
      );
    });
  });
});

describe('without NATS', () => {
  it('a certificate lives its whole life, and NATS catches up when it is back', async () => {
    await nats().stop();
    await liveThrough(clients, parent);
    expect(await unpublished()).not.toEqual([]);
    expect(await test.settle()).toEqual([]);

    await nats().start();
    await waitFor(async () => (await unpublished()).length === 0, { what: 'all to be published', timeoutMs: 30_000 });
    await liveThrough(clients, parent);
    expect(await test.settle()).toEqual([]);
  });

  it('nothing is lost when all that it held is gone', async () => {
    await nats().stop();
    rmSync(join(test.home.path, 'nats', 'jetstream'), { recursive: true });
    await liveThrough(clients, parent);
    await nats().start();
    await waitFor(async () => (await unpublished()).length === 0, { what: 'all to be published', timeoutMs: 30_000 });
    expect(existsSync(join(test.home.path, 'nats', 'jetstream'))).toBe(true);
    await liveThrough(clients, parent);
    expect(await test.settle()).toEqual([]);
  });
});

describe('without signer', () => {
  it('nothing is issued, the caller is told what to do, and doing it helps', async () => {
    await test.platform.service('signer').stop();
    const order = newOrder(parent);
    const error = await clients.certificates.issueCertificate(order).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ rpcCode: 'UNAVAILABLE', reason: 'SIGNER_UNAVAILABLE', domain: 'certtasks.cert' });
    expect(error).toMatchObject({ advice: expect.stringContaining('same request id') });
    const filter = `dns_name = "${order.requestId}.example.test"`;
    const { certificates: none } = await clients.certificates.listCertificates({ parent, filter });
    expect(none.filter(({ state }) => state === CertificateState.ISSUED)).toEqual([]);

    await test.platform.service('signer').start();
    const certificate = await waitFor(async () => (await clients.certificates.issueCertificate(order)).certificate, {
      what: 'the repeat to be answered',
      timeoutMs: 30_000,
    });
    const { certificates } = await clients.certificates.listCertificates({ parent, filter });
    const issued = certificates.filter(({ state }) => state === CertificateState.ISSUED);
    expect(issued.map(({ name }) => name)).toEqual([certificate.name]);
    await proveLogged(clients, { parent, type: 'certificate.created', subject: certificate.name });
    expect(await test.settle()).toEqual([]);
  });
});

describe('PostgreSQL killed under load', () => {
  it('calls are told that it is away and what to do, what was acknowledged is there, and all goes on', async () => {
    const load = startLoad();
    await waitFor(() => load.acknowledged.length >= 20, { what: 'the load to run', timeoutMs: 20_000 });
    const server = test.platform.postgres;
    if (server === undefined) throw new Error('The platform runs its own PostgreSQL');
    process.kill(server.pid, 'SIGKILL');
    await waitFor(() => load.failures.some(({ rpcCode }) => rpcCode === 'UNAVAILABLE'), {
      what: 'calls to be told',
      timeoutMs: 20_000,
    });
    await server.stop();
    await server.start();
    // The port is the same; connections of the test's own begin anew.
    const then = load.acknowledged.length;
    await waitFor(() => load.acknowledged.length >= then + 20, { what: 'calls to succeed again', timeoutMs: 30_000 });
    const unexpected = await load.stop();
    expect(unexpected).toEqual([]);

    for (const { rpcCode, advice, retryAfterMs, message } of load.failures) {
      expect(['UNAVAILABLE', 'ABORTED'], message).toContain(rpcCode);
      expect(advice ?? retryAfterMs, message).toBeDefined();
    }
    for (const name of load.acknowledged) {
      const { certificate } = await clients.certificates.getCertificate({ name });
      expect(certificate?.state).toBe(CertificateState.ISSUED);
    }
    for (const service of SERVICES) expect(test.platform.service(service).pid).toBeTypeOf('number');
    expect(await test.settle()).toEqual([]);
  });
});

/** Callers that issue without pause, each certificate until it is answered. */
function startLoad(): {
  readonly acknowledged: readonly string[];
  readonly failures: readonly RpcError[];
  /** Ends it; what was no RpcError is returned. */
  stop(): Promise<readonly unknown[]>;
} {
  const acknowledged: string[] = [];
  const failures: RpcError[] = [];
  const unexpected: unknown[] = [];
  let goesOn = true;
  const caller = async (): Promise<void> => {
    while (goesOn) {
      const order = newOrder(parent);
      for (let isOpen = true; isOpen && goesOn; ) {
        try {
          const { certificate } = await clients.certificates.issueCertificate(order);
          acknowledged.push(certificate?.name ?? '');
          isOpen = false;
        } catch (error) {
          if (error instanceof RpcError) failures.push(error);
          else unexpected.push(error);
          await sleep(50);
        }
      }
    }
  };
  const callers = [caller(), caller(), caller(), caller()];
  return {
    acknowledged,
    failures,
    stop: async () => {
      goesOn = false;
      await Promise.all(callers);
      return unexpected;
    },
  };
}

/** Services that were away are reached again: their callers look for them with growing pauses. */
async function reconnected(): Promise<void> {
  const order = newOrder(parent);
  await waitFor(() => clients.certificates.issueCertificate(order), {
    what: 'signer to be reached',
    timeoutMs: 20_000,
  });
}

/** Sources with events that NATS has not been given. */
async function unpublished(): Promise<readonly string[]> {
  const behind: string[] = [];
  for (const schema of SCHEMAS) {
    const [state] = await sql<{ isBehind: boolean }[]>`
      select published_number < last_number as "isBehind" from ${sql(`${schema}.outbox_state`)}`;
    if (state?.isBehind === true) behind.push(schema);
  }
  return behind;
}

function nats(): NonNullable<TestPlatform['platform']['nats']> {
  const { nats: server } = test.platform;
  if (server === undefined) throw new Error('The platform runs its own NATS');
  return server;
}

/** The one line of a start that fails. */
async function failureOf(start: Promise<unknown>): Promise<string> {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StackError);
  const { message } = error instanceof Error ? error : { message: '' };
  expect(message).not.toContain('\n');
  // A person is told the reason, not where in the code it was met.
  expect.soft(message).not.toMatch(/node_modules|\bat \S+ \(|"stack"/);
  return message;
}

async function runService(service: TransportService, env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn(process.execPath, [join(REPOSITORY, 'services', service, 'src/server.ts')], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

async function withHome<T>(run: (home: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'cert-tasks-bad-day-'));
  // Root's PostgreSQL runs as another user, who must be able to pass through.
  chmodSync(folder, 0o711);
  try {
    return await run(join(folder, 'home'));
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', fail);
    server.listen({ host: '127.0.0.1', port }, () => done(server));
  });
}
