import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ServiceProcess } from '@cert-tasks/stack';

/** Root of the repository. */
const ROOT = resolve(import.meta.dirname, '../../..');

/** Options of {@link spawnService}. */
export interface SpawnServiceOptions {
  /** Folder below `services`: its src/server.ts is run. */
  readonly service: 'cert' | 'signer' | 'task-scheduler' | 'audit';
  /** All its settings. */
  readonly env: Readonly<Record<string, string>>;
  /** Port of its ops listener, as the settings say: /ready there is waited for. */
  readonly opsPort: number;
  /** Another program than the service's, by absolute path. */
  readonly entry?: string;
}

/** A service as a process, with a log of its own. */
export interface SpawnedService {
  readonly process: ServiceProcess;
  /** Stops it and deletes its log. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a service as a process, for tests that kill it, and resolves when it is ready. It ends with this process.
 *
 * @throws StackError (as rejection) 'start-failed' with the last lines of its log.
 */
export async function spawnService({ service, env, opsPort, entry }: SpawnServiceOptions): Promise<SpawnedService> {
  const directory = await mkdtemp(join(tmpdir(), `cert-tasks-${service}-`));
  const child = new ServiceProcess({
    name: service,
    entry: entry ?? join(ROOT, 'services', service, 'src/server.ts'),
    env,
    opsPort,
    logFile: join(directory, 'service.log'),
  });
  const dispose = async (): Promise<void> => {
    await child.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await child.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return { process: child, [Symbol.asyncDispose]: dispose };
}
