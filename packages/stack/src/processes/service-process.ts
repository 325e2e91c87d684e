import { sleep } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import { StackError } from '../stack-error.ts';
import { describeExit, GuardedProcess, type ProcessExit } from './guarded-process.ts';
import { LogFile } from './log-file.ts';
import { SingleRun } from './single-run.ts';

const DEFAULT_START_DEADLINE_MS = 30_000;
const DEFAULT_STOP_DEADLINE_MS = 15_000;
const READY_POLL_MS = 20;
const PROBE_TIMEOUT_MS = 2_000;
/** Lines of its log that an error shows. */
const SHOWN_LINES = 5;
/** What a service gets from this process's environment beside its own settings: nothing that configures it. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'NODE_ENV', 'NODE_EXTRA_CA_CERTS'] as const;

/** What a {@link ServiceProcess} is made with. */
export interface ServiceProcessOptions {
  /** Name of the service, such as `cert`. */
  readonly name: string;
  /** Absolute path of its `server.ts`. */
  readonly entry: string;
  /** Its settings. PATH, HOME, TMPDIR, TZ, LANG and NODE_* are added from this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Port of its ops listener, whose /ready is waited for. */
  readonly opsPort: number;
  readonly logFile: string;
  /** Default 30 s. */
  readonly startDeadlineMs?: number;
  /** Time between SIGTERM and SIGKILL; default 15 s. */
  readonly stopDeadlineMs?: number;
  /** The Node to run it on; default this one. */
  readonly nodePath?: string;
}

/**
 * One service as a process of its own. It can be started again after it ended, by itself or by `stop`.
 *
 * It sees CERT_TASKS_PARENT_PIPE=1 and ends by itself when its standard input closes, which happens when this process
 * ends; the guard that it runs under sees to it when it does not.
 */
export class ServiceProcess implements Service {
  readonly name: string;
  readonly #run: SingleRun<RunningService>;

  constructor(options: ServiceProcessOptions) {
    this.name = options.name;
    this.#run = new SingleRun({
      start: (signal) => startService(options, signal),
      stop: async (running) => {
        await running.process.stop();
        running.log.close();
      },
    });
  }

  /** Process id of the service; undefined when it is not running. */
  get pid(): number | undefined {
    const process = this.#run.current?.process;
    return process?.exit === undefined ? process?.pid : undefined;
  }

  /** Resolves when the service has ended, wanted or not. @throws Error before start. */
  get exited(): Promise<ProcessExit> {
    if (this.#run.current === undefined) throw new Error(`${this.name} is not started`);
    return this.#run.current.process.exited;
  }

  /** The last lines of its log, oldest first. */
  lastLogLines(count: number): readonly string[] {
    return this.#run.current?.log.lastLines(count) ?? [];
  }

  /**
   * Starts it and returns when its /ready answers 200. Nothing happens when it runs already.
   *
   * @throws StackError 'start-failed' with the last lines of its log when it ends before that or takes too long; it is not
   *   left running then.
   */
  async start(): Promise<void> {
    if (this.#run.current?.process.exit !== undefined) await this.#run.stop();
    await this.#run.start();
  }

  /** SIGTERM, then SIGKILL after the deadline. Idempotent, and safe when it never started. */
  async stop(): Promise<void> {
    await this.#run.stop();
  }

  /** Signals the service itself, as a fault test does. Nothing happens when it is not running. */
  kill(signal: NodeJS.Signals): void {
    this.#run.current?.process.kill(signal);
  }
}

interface RunningService {
  readonly process: GuardedProcess;
  readonly log: LogFile;
}

async function startService(options: ServiceProcessOptions, signal: AbortSignal): Promise<RunningService> {
  const log = new LogFile({ path: options.logFile });
  let process: GuardedProcess | undefined;
  try {
    process = await spawnService(options, log);
    await waitUntilReady({ process, log, options, signal });
    return { process, log };
  } catch (error) {
    await process?.stop();
    log.close();
    throw error;
  }
}

async function spawnService(options: ServiceProcessOptions, log: LogFile): Promise<GuardedProcess> {
  const env: Record<string, string> = {};
  for (const variable of PASSED_ON) {
    const value = process.env[variable];
    if (value !== undefined) env[variable] = value;
  }
  return await GuardedProcess.start({
    name: options.name,
    command: options.nodePath ?? process.execPath,
    args: [options.entry],
    env: { ...env, ...options.env, CERT_TASKS_PARENT_PIPE: '1' },
    logDescriptor: log.descriptor,
    stopSignal: 'SIGTERM',
    stopGraceMs: options.stopDeadlineMs ?? DEFAULT_STOP_DEADLINE_MS,
  });
}

async function waitUntilReady(input: {
  process: GuardedProcess;
  log: LogFile;
  options: ServiceProcessOptions;
  signal: AbortSignal;
}): Promise<void> {
  const { process, log, options } = input;
  const deadlineMs = options.startDeadlineMs ?? DEFAULT_START_DEADLINE_MS;
  for (const giveUpAt = performance.now() + deadlineMs; performance.now() < giveUpAt; ) {
    input.signal.throwIfAborted();
    if (process.exit !== undefined) throw failed(`ended ${describeExit(process.exit)} while starting`, options, log);
    if ((await answersReady(options.opsPort)) && process.exit === undefined) return;
    await sleep(READY_POLL_MS);
  }
  throw failed(`was not ready after ${deadlineMs / 1_000} s`, options, log);
}

async function answersReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

function failed(what: string, options: ServiceProcessOptions, log: LogFile): StackError {
  const words = lastWords(log.lastLines(SHOWN_LINES));
  return new StackError('start-failed', `${options.name} ${what}; ${words} (log: ${options.logFile})`);
}

/** The reason that a service gave for its end; what it wrote last where it gave none. The log has the rest. */
function lastWords(lines: readonly string[]): string {
  if (lines.length === 0) return 'it logged nothing';
  const reason = lines.map(fatalMessage).findLast((message) => message !== undefined);
  return reason ?? `its last words: ${lines.join(' | ')}`;
}

function fatalMessage(line: string): string | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('level' in entry) || entry.level !== 'fatal') return undefined;
    return 'msg' in entry && typeof entry.msg === 'string' ? entry.msg : undefined;
  } catch {
    return undefined;
  }
}
