import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, NatsServer, type NatsUser } from '@cert-tasks/stack';
import { inject } from 'vitest';
import { TEST_NATS_PASSWORDS } from './test-services.ts';

/** A NATS to connect to. */
export interface NatsTarget {
  readonly url: string;
  credentials(user: NatsUser): { readonly user: string; readonly password: string };
}

/** The run's NATS, shared by all tests: streams of other tests may be there. */
export function sharedTestNats(): NatsTarget {
  const { url } = inject('certTasksNats');
  return { url, credentials };
}

/** A NATS of a test's own, to be stopped, killed and wiped. It keeps its port. */
export class TestNats implements NatsTarget {
  readonly url: string;
  readonly #directory: string;
  readonly #server: NatsServer;

  /** Use {@link startTestNats}. */
  constructor({ directory, port, executable }: { directory: string; port: number; executable: string }) {
    this.url = `nats://127.0.0.1:${port}`;
    this.#directory = directory;
    this.#server = new NatsServer({
      executable,
      directory,
      port,
      passwords: TEST_NATS_PASSWORDS,
      logFile: join(directory, 'nats.log'),
    });
  }

  credentials(user: NatsUser): { readonly user: string; readonly password: string } {
    return credentials(user);
  }

  /** Starts it again after stop, kill or wipe. */
  start(): Promise<void> {
    return this.#server.start();
  }

  /** Stops it in order; what it stored stays. */
  stop(): Promise<void> {
    return this.#server.stop();
  }

  /** SIGKILL. What it stored stays, as far as it was written. */
  async kill(): Promise<void> {
    const { exited } = this.#server;
    process.kill(this.#server.pid, 'SIGKILL');
    await exited;
    await this.#server.stop();
  }

  /** Stops it and deletes what it stored: streams and consumers are gone when it starts again. */
  async wipe(): Promise<void> {
    await this.stop();
    await rm(join(this.#directory, 'jetstream'), { recursive: true, force: true });
  }

  /** Stops it for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Starts a NATS of the test's own, with JetStream and one user a service. */
export async function startTestNats(): Promise<TestNats> {
  const directory = await mkdtemp(join(tmpdir(), 'cert-tasks-nats-'));
  const nats = new TestNats({ directory, port: await freePort(), executable: inject('certTasksNats').executable });
  await nats.start();
  return nats;
}

function credentials(user: NatsUser): { readonly user: string; readonly password: string } {
  return { user, password: TEST_NATS_PASSWORDS[user] };
}
