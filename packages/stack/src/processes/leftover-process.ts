import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { sleep } from '@cert-tasks/kernel';
import { processIdentity } from './file-lock.mjs';

const execFileAsync = promisify(execFile);
const POLL_MS = 20;
/** After SIGKILL only the kernel decides; this bounds the wait for a process stuck in it. */
const KILL_WAIT_MS = 5_000;

/** A process of an earlier start, recognised by its own command line. */
export interface LeftoverQuery {
  /** File whose first line is the process id. */
  readonly pidFile: string;
  /** An argument that only the process in question has, such as its data directory. */
  readonly argument: string;
}

/**
 * Finds the process that a pid file of an earlier start names. A process id that now belongs to something else is not
 * taken for it. undefined when there is none.
 */
export async function findLeftover(query: LeftoverQuery): Promise<{ pid: number; identity: string } | undefined> {
  const text = await readFile(query.pidFile, 'utf8').catch(() => '');
  const pid = Number.parseInt(text.split('\n', 1)[0] ?? '', 10);
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const identity = processIdentity(pid);
  if (identity === undefined || !(await commandLine(pid)).includes(query.argument)) return undefined;
  return { pid, identity };
}

/** Asks a process to end, waits, then kills it. Returns once it is gone, or 5 seconds after SIGKILL. */
export async function endProcess(options: {
  pid: number;
  identity: string;
  signal: NodeJS.Signals;
  graceMs: number;
}): Promise<void> {
  for (const { signal, waitMs } of [
    { signal: options.signal, waitMs: options.graceMs },
    { signal: 'SIGKILL' as const, waitMs: KILL_WAIT_MS },
  ]) {
    if (!isSame(options)) return;
    try {
      process.kill(options.pid, signal);
    } catch {
      return;
    }
    for (const end = performance.now() + waitMs; performance.now() < end; ) {
      if (!isSame(options)) return;
      await sleep(POLL_MS);
    }
  }
}

function isSame(options: { pid: number; identity: string }): boolean {
  return processIdentity(options.pid) === options.identity;
}

/** The arguments of a process; empty when they cannot be read. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
  }
  const result = await execFileAsync('ps', ['-o', 'args=', '-ww', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return result.stdout;
}
