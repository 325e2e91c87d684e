import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditService } from '@cert-tasks/contracts/audit/v1';
import { AuthorityService, CertificateService } from '@cert-tasks/contracts/cert/v1';
import { KeyService } from '@cert-tasks/contracts/signer/v1';
import { ScheduleService, TaskService, WorkerService } from '@cert-tasks/contracts/task/v1';
import { type Breach, fsck } from '@cert-tasks/fsck';
import { sleep } from '@cert-tasks/kernel';
import { type ConnectClient, createConnectClient } from '@cert-tasks/rpc';
import { firstRun, freePorts, Home, Platform, type PlatformOptions, type TokenClaims } from '@cert-tasks/stack';

/** The project that tests work in; its authorities are root and issuing. */
export const PROJECT = 'acme';

const DEADLINE_MS = 20_000;
const SETTLE_MS = 45_000;

/** Clients of every public service, all with one token. */
export interface Clients {
  readonly authorities: ConnectClient<typeof AuthorityService>;
  readonly certificates: ConnectClient<typeof CertificateService>;
  readonly keys: ConnectClient<typeof KeyService>;
  readonly tasks: ConnectClient<typeof TaskService>;
  readonly schedules: ConnectClient<typeof ScheduleService>;
  readonly workers: ConnectClient<typeof WorkerService>;
  readonly audit: ConnectClient<typeof AuditService>;
  close(): void;
}

/** A whole platform for tests: real processes on free ports, in a folder of its own that goes with it. */
export class TestPlatform {
  readonly platform: Platform;
  readonly home: Home;
  readonly #folder: string;
  readonly #open: Clients[] = [];

  private constructor(parts: { platform: Platform; home: Home; folder: string }) {
    this.platform = parts.platform;
    this.home = parts.home;
    this.#folder = parts.folder;
  }

  /** Starts it and makes the authorities of {@link PROJECT}. */
  static async start(options: Pick<PlatformOptions, 'withNats' | 'extraSettings'> = {}): Promise<TestPlatform> {
    const folder = mkdtempSync(join(tmpdir(), 'cert-tasks-test-'));
    // Root's PostgreSQL runs as another user, who must be able to pass through.
    chmodSync(folder, 0o711);
    const home = await Home.open(join(folder, 'home'));
    const platform = new Platform({
      ...options,
      home,
      ports: await freePorts(),
      env: process.env,
      notify: () => undefined,
    });
    const test = new TestPlatform({ platform, home, folder });
    try {
      await platform.start();
      await firstRun({
        certUrl: platform.urls.cert,
        adminToken: test.token({ kind: 'admin', roles: { '*': ['admin'] } }),
        project: PROJECT,
        directory: home.path,
      });
      return test;
    } catch (error) {
      await test.stop();
      throw error;
    }
  }

  /** A token; an operator and auditor of {@link PROJECT} where nothing else is said. */
  token(claims: Partial<TokenClaims> = {}): string {
    return this.platform.issuer.mint(
      {
        subject: 'tester',
        kind: 'user',
        roles: { [PROJECT]: ['operator', 'auditor'] },
        lifetimeSeconds: 3600,
        ...claims,
      },
      new Date(),
    );
  }

  /** Clients with a token; closed with the platform. */
  clients(token: string = this.token()): Clients {
    const { urls } = this.platform;
    const access = (baseUrl: string) => ({ baseUrl, token, defaultDeadlineMs: DEADLINE_MS });
    const parts = {
      authorities: createConnectClient(AuthorityService, access(urls.cert)),
      certificates: createConnectClient(CertificateService, access(urls.cert)),
      keys: createConnectClient(KeyService, access(urls.signer)),
      tasks: createConnectClient(TaskService, access(urls.task)),
      schedules: createConnectClient(ScheduleService, access(urls.task)),
      workers: createConnectClient(WorkerService, access(urls.task)),
      audit: createConnectClient(AuditService, access(urls.audit)),
    };
    const clients = {
      ...parts,
      close: () => {
        for (const client of Object.values(parts)) client.close();
      },
    };
    this.#open.push(clients);
    return clients;
  }

  /** What fsck finds, with nothing left out as too young. */
  fsck(): Promise<readonly Breach[]> {
    return fsck({ databaseUrl: this.platform.databaseUrl, settleSeconds: 0, onCheck: () => undefined });
  }

  /** Waits until everything under way has ended and every invariant holds; what stands after 45 s is returned. */
  async settle(): Promise<readonly Breach[]> {
    for (const until = performance.now() + SETTLE_MS; ; await sleep(200)) {
      const breaches = await this.fsck();
      if (breaches.length === 0 || performance.now() > until) return breaches;
    }
  }

  async stop(): Promise<void> {
    for (const clients of this.#open) clients.close();
    await this.platform.stop();
    this.home.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
