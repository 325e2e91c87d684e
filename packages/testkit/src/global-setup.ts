import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  findNats,
  NatsServer,
  type PostgresServer,
  provisionDatabase,
  startEphemeralPostgres,
} from '@cert-tasks/stack';
import type { TestProject } from 'vitest/node';
import { TEST_NATS_PASSWORDS, TEST_ROLE_PASSWORDS, type TestPostgres, testCacheDirectory } from './test-services.ts';

const TEMPLATE = 'cert_tasks_template';

/**
 * Global set-up of vitest: one PostgreSQL and one NATS for the run, each a throw-away process. Returns the function that
 * ends them.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'cert-tasks-test-'));
  const cache = testCacheDirectory();
  await mkdir(cache, { recursive: true });
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const server of started.reverse()) await server.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const postgres = await startEphemeralPostgres({ templateDirectory: join(cache, 'postgres-template') });
    started.push(postgres);
    project.provide('certTasksPostgres', await provision(postgres));

    const executable = await natsExecutable(cache);
    const nats = new NatsServer({
      executable,
      directory: join(directory, 'nats'),
      passwords: TEST_NATS_PASSWORDS,
      logFile: join(directory, 'nats.log'),
    });
    started.push(nats);
    await nats.start();
    project.provide('certTasksNats', { url: nats.url, passwords: TEST_NATS_PASSWORDS, executable });
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

async function provision(postgres: PostgresServer): Promise<TestPostgres> {
  const { adminUrl } = postgres;
  await provisionDatabase({ adminUrl, database: TEMPLATE, passwords: TEST_ROLE_PASSWORDS });
  return { adminUrl, template: TEMPLATE, passwords: TEST_ROLE_PASSWORDS };
}

/** Tests stop and wipe servers: a running one that NATS_URL names is not theirs. */
async function natsExecutable(cacheDirectory: string): Promise<string> {
  const { NATS_URL: _notOurs, ...env } = process.env;
  const lines: string[] = [];
  const found = await findNats({ env, cacheDirectory, notify: (line) => lines.push(line) });
  if (found.kind === 'program') return found.executable;
  throw new Error(`Tests need a nats-server of their own: ${lines.join('; ')}`);
}
