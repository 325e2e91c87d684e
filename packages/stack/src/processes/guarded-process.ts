import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { StackError } from '../stack-error.ts';
import { processIdentity } from './file-lock.mjs';
import { endProcess } from './leftover-process.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

const GUARD_SCRIPT = readFileSync(fileURLToPath(new URL('./guard.sh', import.meta.url)), 'utf8');

/** A command to run under the guard. */
export interface GuardedCommand {
  /** For messages and for `ps`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory; default `/`. */
  readonly cwd?: string;
  /** Descriptor that receives standard output and error. */
  readonly logDescriptor: number;
  /** Signal that asks the command to end. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** How long it may take to end before SIGKILL; whole seconds, rounded up. */
  readonly stopGraceMs: number;
  /** User to run as; only root can give one. */
  readonly user?: UnprivilegedUser | undefined;
}

/** How a process ended: by its own exit code, or by a signal. */
export type ProcessExit = { readonly code: number } | { readonly signal: string };

/**
 * A child process that ends when this process ends, however that happens: guard.sh holds it. Its standard input is a
 * pipe that closes at the same moment.
 */
export class GuardedProcess {
  readonly name: string;
  /** Process id of the command itself (not of the guard). */
  readonly pid: number;
  /** Resolves when the command has ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  readonly #lifeline: Writable;
  #exit: ProcessExit | undefined;

  private constructor(options: { name: string; pid: number; exited: Promise<ProcessExit>; lifeline: Writable }) {
    this.name = options.name;
    this.pid = options.pid;
    this.exited = options.exited;
    this.#lifeline = options.lifeline;
    void options.exited.then((exit) => {
      this.#exit = exit;
    });
  }

  /**
   * Starts the command and returns when its process exists. A command that cannot be executed shows as an exit with
   * code 126 or 127, its reason in the log.
   *
   * @throws StackError 'start-failed' when not even the guard runs.
   */
  static async start(command: GuardedCommand): Promise<GuardedProcess> {
    const guard = spawnGuard(command);
    const spawnFailed = new Promise<never>((_, reject) => guard.once('error', reject));
    const ended = new Promise<ProcessExit>((resolve) => {
      guard.once('exit', (code, signal) => resolve(code === null ? { signal: signal ?? 'SIGKILL' } : exitOf(code)));
    });
    try {
      const [, , , lifeline, report] = guard.stdio;
      const pid = await Promise.race([readPid(report as Readable), spawnFailed]);
      const identity = processIdentity(pid);
      const exited = ended.then(async (exit) => {
        // What is left of a killed guard still holds the pipe.
        for (const stream of guard.stdio) stream?.destroy();
        await endAbandoned({ pid, identity, command });
        return exit;
      });
      return new GuardedProcess({ name: command.name, pid, exited, lifeline: lifeline as Writable });
    } catch (cause) {
      throw new StackError('start-failed', `${command.name} could not be started: ${describe(cause)}`, { cause });
    }
  }

  /** How it ended; undefined while it runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /** Signals the command itself, past the guard. Nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) process.kill(this.pid, signal);
  }

  /** Asks the command to end and waits until it has; after the grace period it is killed. Idempotent. */
  async stop(): Promise<ProcessExit> {
    this.#lifeline.destroy();
    return await this.exited;
  }
}

function spawnGuard(command: GuardedCommand): ChildProcess {
  const signal = command.stopSignal.slice('SIG'.length);
  const graceSeconds = String(Math.ceil(command.stopGraceMs / 1_000));
  const args = ['-c', GUARD_SCRIPT, `cert-tasks-guard-${command.name}`, signal, graceSeconds, command.command];
  const log = command.logDescriptor;
  return spawn('/bin/sh', [...args, ...command.args], {
    cwd: command.cwd ?? '/',
    env: command.env,
    stdio: ['pipe', log, log, 'pipe', 'pipe'],
    detached: true,
    // User ids above 2^31 (nobody on macOS is -2) are given in their signed form.
    ...(command.user === undefined ? {} : { uid: command.user.uid | 0, gid: command.user.gid | 0 }),
  });
}

/** Reads the process id that the guard reports, one line. */
async function readPid(report: Readable): Promise<number> {
  let text = '';
  for await (const chunk of report.setEncoding('utf8')) text += chunk;
  const pid = Number.parseInt(text, 10);
  if (!Number.isSafeInteger(pid)) throw new Error('its guard ended before it ran');
  return pid;
}

/** The guard itself was killed, and the command runs on without one: it is ended from here. */
async function endAbandoned(options: {
  pid: number;
  identity: string | undefined;
  command: GuardedCommand;
}): Promise<void> {
  if (options.identity === undefined || processIdentity(options.pid) !== options.identity) return;
  await endProcess({
    pid: options.pid,
    identity: options.identity,
    signal: options.command.stopSignal,
    graceMs: options.command.stopGraceMs,
  });
}

/** A shell reports a signal as 128 + its number. */
function exitOf(code: number): ProcessExit {
  if (code > 128) {
    for (const [signal, number] of Object.entries(constants.signals)) {
      if (number === code - 128) return { signal };
    }
  }
  return { code };
}

/** `with code 1`, `by SIGKILL`: to follow the word "ended". */
export function describeExit(exit: ProcessExit): string {
  return 'signal' in exit ? `by ${exit.signal}` : `with code ${exit.code}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
