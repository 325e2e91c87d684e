import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPortsFree, type Ports, portsFromEnv } from '@cert-tasks/stack';
import { waitFor } from '@cert-tasks/testkit';

const REPOSITORY = resolve(fileURLToPath(new URL('../..', import.meta.url)));
const START = resolve(REPOSITORY, 'packages/cli/src/start.ts');
const COMMAND = resolve(REPOSITORY, 'bin/cert-tasks');
/** The last line of a start that went well. */
const READY = 'cert-tasks is ready';
const START_MS = 60_000;
const STOP_MS = 30_000;
const LOWEST_BASE = 20_000;
const HIGHEST_BASE = 32_000;

/** What `npm start` runs, as a process of its own. */
export interface StartedPlatform {
  readonly pid: number;
  /** All that it has printed. */
  readonly output: () => string;
  /** From its start to the line that says that it is ready. */
  readonly readyMs: number;
  /** Every process that runs for it, itself first. */
  readonly pids: readonly number[];
  /** Signals it and resolves with its exit code when it has ended; null where the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

/** Starts the platform and waits until it says that it is ready. @throws Error with its output. */
export async function startPlatform(env: Environment): Promise<StartedPlatform> {
  const began = performance.now();
  const { child, output } = spawnStart(env);
  const { pid } = child;
  if (pid === undefined) throw new Error('The platform did not start');
  const exited = once(child, 'exit');
  await waitFor(
    () => {
      if (child.exitCode !== null) return 'ended';
      return output().includes(READY);
    },
    { what: `"${READY}" in ${output()}`, timeoutMs: START_MS },
  );
  if (child.exitCode !== null) throw new Error(`The platform ended with ${child.exitCode}: ${output()}`);
  return {
    pid,
    output,
    readyMs: performance.now() - began,
    pids: [pid, ...descendants(pid)],
    end: async (signal) => {
      child.kill(signal);
      const [code] = await exited;
      return typeof code === 'number' ? code : null;
    },
  };
}

/** Starts the platform where it must fail, and resolves when it has ended. */
export async function failToStart(env: Environment): Promise<Ended> {
  return ended(spawnStart(env).child);
}

/** Runs `bin/cert-tasks`. */
export function runCommand(args: readonly string[], options: { env: Environment; cwd?: string }): Promise<Ended> {
  return ended(spawn(COMMAND, args, { cwd: options.cwd, env: environment(options.env), stdio: 'pipe' }));
}

/** Waits until none of the processes is left. */
export async function waitUntilGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => pids.every((pid) => !isAlive(pid)), {
    what: `the end of ${pids.filter(isAlive).join(', ')}`,
    timeoutMs: STOP_MS,
  });
}

/** A free range for CERT_TASKS_PORT_BASE, below the ports that the system gives out by itself. */
export async function freePortBase(): Promise<{ base: string; ports: Ports }> {
  for (let tried = 0; tried < 50; tried += 1) {
    const base = String(LOWEST_BASE + Math.floor(Math.random() * (HIGHEST_BASE - LOWEST_BASE)));
    const ports = portsFromEnv({ CERT_TASKS_PORT_BASE: base });
    const isFree = await checkPortsFree(ports).then(
      () => true,
      () => false,
    );
    if (isFree) return { base, ports };
  }
  throw new Error('No sixteen free ports in a row were found');
}

/** Every process below a process, by the table that `ps` shows. */
export function descendants(root: number): readonly number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    table.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid, ...below(pid)] : []));
  return below(root);
}

function spawnStart(env: Environment): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [START], { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return { child, output: () => output };
}

/** Nothing of this process's own settings reaches the platform: the machine's programs do. */
function environment(env: Environment): Record<string, string> {
  const { PATH = '', HOME = '/' } = process.env;
  return { PATH, HOME, ...env };
}

async function ended(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdin?.end();
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

/** A process that has ended and that nobody has asked about yet counts as gone. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== 'linux') return true;
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
