import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processIdentity } from '../src/processes/file-lock.mjs';
import { type GuardedCommand, GuardedProcess } from '../src/processes/guarded-process.ts';
import { LogFile } from '../src/processes/log-file.ts';
import { fact, startScript } from './fixtures/script.ts';
import { waitUntil, waitUntilGone } from './fixtures/wait-until.ts';

let directory: string;
let log: LogFile;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cert-tasks-guard-'));
  log = new LogFile({ path: join(directory, 'log') });
});
afterEach(() => {
  log.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('a guarded process', () => {
  test('has its own pid, environment and log, and ends with its own status', async () => {
    const process = await start(['echo "$$ $WORD"; echo "on stderr" >&2; exit 7'], { env: { WORD: 'word' } });
    expect(await process.exited).toEqual({ code: 7 });
    expect(log.lastLines(9)).toEqual([`${process.pid} word`, 'on stderr']);
    expect(await process.stop()).toEqual({ code: 7 });
    process.kill('SIGTERM');
  });

  test('that cannot be executed ends with 127 and its reason in the log', async () => {
    const process = await start([], { command: join(directory, 'missing') });
    expect(await process.exited).toEqual({ code: 127 });
    expect(log.lastLines(1)[0]).toContain('not found');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('is asked to end with %s', async (stopSignal) => {
    const program = `process.on('${stopSignal}', () => process.exit(5)); setInterval(() => undefined, 1_000); console.log('up')`;
    const guarded = await start(['-e', program], { command: process.execPath, stopSignal });
    await waitUntil('it is up', () => log.lastLines(1)[0] === 'up');
    expect(await guarded.stop()).toEqual({ code: 5 });
  });

  test('that does not end in time is killed', async () => {
    const process = await start(['trap "" TERM; echo up; while :; do sleep 0.05; done']);
    await waitUntil('it is up', () => log.lastLines(1)[0] === 'up');
    const began = performance.now();
    expect(await process.stop()).toEqual({ signal: 'SIGKILL' });
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  test('killed from outside says so', async () => {
    const process = await start(['sleep 600 & echo $!; wait']);
    await waitUntil('it is up', () => log.lastLines(1).length === 1);
    process.kill('SIGKILL');
    expect(await process.exited).toEqual({ signal: 'SIGKILL' });
    // What it left behind in its group ends with it.
    await waitUntilGone([Number(log.lastLines(1)[0])]);
  });

  test('keeps its input open until it is asked to end', async () => {
    const program =
      "process.stdin.resume().on('end', () => console.log('closed')); setTimeout(() => process.exit(6), 300)";
    const guarded = await start(['-e', program], { command: process.execPath });
    expect(await guarded.exited).toEqual({ code: 6 });
    expect(log.lastLines(1)).toEqual([]);
  });

  test('asked to end with SIGINT before it can hear it, it still ends', async () => {
    const program = "process.on('SIGINT', () => process.exit(5)); setInterval(() => undefined, 1_000)";
    const late = ['-c', 'sleep 0.7; exec "$0" -e "$1"', process.execPath, program];
    const guarded = await start(late, { command: 'sh', stopSignal: 'SIGINT', stopGraceMs: 10_000 });
    expect(await guarded.stop()).toEqual({ code: 5 });
  });

  test('is ended by its starter when its guard is killed', async () => {
    const process = await start(['echo $PPID; exec sleep 600']);
    await waitUntil('it is up', () => log.lastLines(1).length === 1);
    globalThis.process.kill(Number(log.lastLines(1)[0]), 'SIGKILL');
    await process.exited;
    await waitUntilGone([process.pid]);
  });

  test('does not outlive a starter that is gone before it hears of it', async () => {
    const guard = readFileSync(new URL('../src/processes/guard.sh', import.meta.url), 'utf8');
    const pidFile = join(directory, 'pid');
    // The stop signal means nothing to it, so that it surely has the time to tell its process id before SIGKILL.
    const command = ['sh', '-c', 'echo $$ > "$0"; exec sleep 600', pidFile];
    const child = spawn('sh', ['-c', guard, 'guard', 'CONT', '1', ...command], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of child.stdio) stream?.destroy();
    await once(child, 'exit');
    const readPid = (): string => (existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : '');
    await waitUntil('the command has run', () => readPid().endsWith('\n'));
    await waitUntilGone([Number(readPid())]);
  });

  test('does not outlive a starter that is killed, and neither keeps the other alive', async () => {
    const script = await startScript('guarded.ts', []);
    const pids = [fact(script, 'polite'), fact(script, 'stubborn')];
    expect(pids.map((pid) => processIdentity(pid) === undefined)).toEqual([false, false]);
    script.child.kill('SIGKILL');
    await waitUntilGone([script.pid, ...pids]);
  });
});

async function start(script: readonly string[], options: Partial<GuardedCommand> = {}): Promise<GuardedProcess> {
  return await GuardedProcess.start({
    name: 'test',
    command: 'sh',
    args: options.command === undefined ? ['-c', ...script] : script,
    logDescriptor: log.descriptor,
    stopSignal: 'SIGTERM',
    stopGraceMs: 1_000,
    ...options,
    env: { PATH: '/usr/bin:/bin', ...options.env },
  });
}
