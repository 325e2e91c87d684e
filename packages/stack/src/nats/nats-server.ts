import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { writeFileAtomic } from '../home.ts';
import { freePort } from '../ports.ts';
import { describeExit, GuardedProcess, type ProcessExit } from '../processes/guarded-process.ts';
import { endProcess, findLeftover } from '../processes/leftover-process.ts';
import { LogFile } from '../processes/log-file.ts';
import { SingleRun } from '../processes/single-run.ts';
import { StackError } from '../stack-error.ts';
import { NATS_USERS, type NatsUser, natsConfig } from './nats-config.ts';

const HOST = '127.0.0.1';
/** Reading a large store back takes a while. */
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 20;
const PROBE_TIMEOUT_MS = 2_000;
const PROBE_MAX_BYTES = 64 * 1024;
const STOP_GRACE_MS = 10_000;
const PORT_ATTEMPTS = 3;

/** What a {@link NatsServer} is made with. */
export interface NatsServerOptions {
  /** Path of nats-server, 2.9 or newer. */
  readonly executable: string;
  /** Folder of its own for configuration and streams. Made when it is missing. */
  readonly directory: string;
  /** Port on 127.0.0.1; 0 (default) takes a free one at each start. */
  readonly port?: number;
  readonly passwords: Readonly<Record<NatsUser, string>>;
  readonly logFile: string;
}

/**
 * nats-server with JetStream as a child process on loopback, one user per service. It ends when this process ends, also by
 * SIGKILL; one that an earlier, killed start left running on the same folder is stopped first.
 */
export class NatsServer implements Service {
  readonly name = 'nats';
  readonly #options: NatsServerOptions;
  readonly #run: SingleRun<RunningServer>;

  constructor(options: NatsServerOptions) {
    this.#options = options;
    this.#run = new SingleRun({
      start: (signal) => startServer(options, signal),
      stop: async (running) => {
        await running.process.stop();
        running.log.close();
      },
    });
  }

  /** The port it listens on. @throws Error before start. */
  get port(): number {
    return this.#started().port;
  }

  /** URL without credentials. @throws Error before start. */
  get url(): string {
    return `nats://${HOST}:${this.port}`;
  }

  /** Process id of the server. @throws Error before start. */
  get pid(): number {
    return this.#started().process.pid;
  }

  /** Resolves when the server has ended, wanted or not. @throws Error before start. */
  get exited(): Promise<ProcessExit> {
    return this.#started().process.exited;
  }

  /** User and password of a service. */
  credentials(user: NatsUser): { readonly user: string; readonly password: string } {
    return { user, password: this.#options.passwords[user] };
  }

  /**
   * Starts it and returns when it answers with JetStream enabled. Idempotent.
   *
   * @throws StackError 'start-failed' or 'home-unusable'; nothing is left running then.
   */
  async start(): Promise<void> {
    await this.#run.start();
  }

  /** Stops it. Idempotent, and safe when it never started. */
  async stop(): Promise<void> {
    await this.#run.stop();
  }

  #started(): RunningServer {
    if (this.#run.current === undefined) throw new Error('NATS is not started');
    return this.#run.current;
  }
}

interface RunningServer {
  readonly process: GuardedProcess;
  readonly port: number;
  readonly log: LogFile;
}

async function startServer(options: NatsServerOptions, signal: AbortSignal): Promise<RunningServer> {
  for (const user of NATS_USERS) {
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(options.passwords[user])) {
      throw new RangeError(`The NATS password of ${user} must be printable ASCII without quotes and backslashes.`);
    }
  }
  const configFile = join(options.directory, 'nats-server.conf');
  const pidFile = join(options.directory, 'nats-server.pid');
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const leftover = await findLeftover({ pidFile, argument: configFile });
  if (leftover !== undefined) await endProcess({ ...leftover, signal: 'SIGTERM', graceMs: STOP_GRACE_MS });

  const log = new LogFile({ path: options.logFile });
  try {
    for (let attempt = 1; ; attempt++) {
      const port = options.port === undefined || options.port === 0 ? await freePort() : options.port;
      // The server puts a folder `jetstream` into it.
      const storeDirectory = options.directory;
      const content = natsConfig({ port, storeDirectory, pidFile, passwords: options.passwords });
      await writeFileAtomic({ path: configFile, content, mode: 0o600 });
      const process = await spawnServer({ executable: options.executable, configFile, log });
      const exit = await waitUntilReady({ process, port, log, signal });
      if (exit === undefined) return { process, port, log };
      if (attempt >= PORT_ATTEMPTS || port === options.port) {
        throw new StackError(
          'start-failed',
          `nats-server ended ${describeExit(exit)} while starting: ${log.lastLines(3).join(' | ')} (log: ${log.path})`,
        );
      }
    }
  } catch (error) {
    log.close();
    throw error;
  }
}

async function spawnServer(options: { executable: string; configFile: string; log: LogFile }): Promise<GuardedProcess> {
  return await GuardedProcess.start({
    name: 'nats-server',
    command: options.executable,
    args: ['-c', options.configFile],
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
    logDescriptor: options.log.descriptor,
    stopSignal: 'SIGTERM',
    stopGraceMs: STOP_GRACE_MS,
  });
}

/** Returns when the server greets with JetStream enabled, or how it ended before that. */
async function waitUntilReady(options: {
  process: GuardedProcess;
  port: number;
  log: LogFile;
  signal: AbortSignal;
}): Promise<ProcessExit | undefined> {
  const { process, port } = options;
  for (
    const giveUpAt = performance.now() + READY_TIMEOUT_MS;
    performance.now() < giveUpAt && !options.signal.aborted;
  ) {
    if (process.exit !== undefined) return process.exit;
    // A greeting may come from another server that has the port while ours is about to end for want of it.
    if ((await greetsWithJetStream(port)) && process.exit === undefined) {
      await sleep(READY_POLL_MS);
      return process.exit;
    }
    await sleep(READY_POLL_MS);
  }
  await process.stop();
  options.signal.throwIfAborted();
  throw new StackError(
    'start-failed',
    `nats-server was not ready after ${READY_TIMEOUT_MS / 1_000} s (log: ${options.log.path})`,
  );
}

/** The server speaks first: `INFO {...}\r\n`. */
function greetsWithJetStream(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port, timeout: PROBE_TIMEOUT_MS });
    let text = '';
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\r\n') || text.length > PROBE_MAX_BYTES) finish(/^INFO \{.*"jetstream":true/.test(text));
    });
    for (const event of ['error', 'timeout', 'close'] as const) socket.once(event, () => finish(false));
  });
}
