import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('./processes/service-process.ts', import.meta.url));
const WAIT_MS = 15_000;

interface Line {
  readonly level: string;
  readonly message: string;
  readonly reason?: string;
  readonly cause?: string;
  readonly origin?: string;
}

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

/** Runs the program as a child process whose lines can be waited for. */
function run(behaviour: string, { parentPipe = '0', shutdownDeadlineMs = 10_000 } = {}) {
  const child = spawn(process.execPath, [PROGRAM, behaviour, String(shutdownDeadlineMs)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, CERT_TASKS_PARENT_PIPE: parentPipe },
  });
  children.add(child);
  const lines: Line[] = [];
  const arrivals = new EventTarget();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line));
    arrivals.dispatchEvent(new Event('line'));
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += String(chunk);
  });
  const exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const messages = () => lines.map((line) => line.message);

  async function line(message: string): Promise<Line> {
    const signal = AbortSignal.timeout(WAIT_MS);
    for (;;) {
      const found = lines.find((candidate) => candidate.message === message);
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        arrivals.addEventListener('line', () => resolve(), { once: true });
        signal.addEventListener('abort', () =>
          reject(new Error(`No line "${message}" among ${JSON.stringify(lines)}. ${complaints}`)),
        );
      });
    }
  }
  return { child, exit, line, lines, messages };
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s stops the service in order, with code 0', async (signal) => {
  const { child, exit, line, lines, messages } = run('well');
  await line('test is ready');
  child.kill(signal);
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(messages()).toEqual([
    'creating',
    'starting',
    'test is ready',
    'test is stopping',
    'stopping',
    'test has stopped',
  ]);
  expect(lines[3]).toMatchObject({ level: 'info', reason: signal });
});

test('an echo of the signal does not cut the stop short; a second signal does, with code 1', async () => {
  const { child, exit, line, messages } = run('stop-hangs');
  await line('test is ready');
  child.kill('SIGINT');
  child.kill('SIGTERM');
  await line('stopping');
  const stillThere = await Promise.race([exit, sleep(400).then(() => 'still there')]);
  expect(stillThere).toBe('still there');
  child.kill('SIGINT');
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(messages().at(-1)).toBe('test got a second signal and ends at once');
});

test('a stop that takes too long ends the process at the deadline, with code 1', async () => {
  const { child, exit, line, messages } = run('stop-hangs', { shutdownDeadlineMs: 150 });
  await line('test is ready');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(messages().at(-1)).toBe('test did not stop in time and is ended');
});

test('a stop that fails is logged and ends with code 1', async () => {
  const { child, exit, line, lines } = run('stop-fails');
  await line('test is ready');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(lines.at(-1)).toMatchObject({
    level: 'fatal',
    message: 'test did not stop cleanly: could not flush',
    cause: 'could not flush',
  });
});

test.each([
  ['create-fails', 'CERT_PORT is missing', ['creating']],
  ['start-fails', 'port 8443 is in use', ['creating', 'starting']],
])('%s: one line that says why, and code 1', async (behaviour, why, before) => {
  const { exit, messages, lines } = run(behaviour);
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(messages()).toEqual([...before, `test did not start: ${why}`]);
  expect(lines.at(-1)).toMatchObject({ level: 'fatal', cause: why });
});

test('a signal while the service starts stops it, with code 0', async () => {
  const { child, exit, line, messages } = run('start-hangs-until-stop');
  await line('starting');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(messages()).toEqual(['creating', 'starting', 'test is stopping', 'stopping', 'test has stopped']);
});

test('a start that never ends, even when stopped, is ended at the deadline', async () => {
  const { child, exit, line, messages } = run('start-hangs', { shutdownDeadlineMs: 150 });
  await line('starting');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(messages().at(-1)).toBe('test did not stop in time and is ended');
});

test('a signal while the service is created: it is never started', async () => {
  const { child, exit, line, messages } = run('create-slow');
  await line('creating');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(messages()).toEqual(['creating', 'test is stopping', 'stopping', 'test has stopped']);
});

test.each([
  ['throws-later', 'nobody caught this', 'uncaughtException'],
  ['rejects-later', 'nobody handled this', 'unhandledRejection'],
])('%s: logged with its cause, code 1, nothing stopped in order', async (behaviour, cause, origin) => {
  const { exit, lines, messages } = run(behaviour);
  expect(await exit).toEqual({ code: 1, signal: null });
  expect(lines.at(-1)).toEqual({
    level: 'fatal',
    message: 'test met an error that nothing handles and ends',
    cause,
    origin,
  });
  expect(messages()).not.toContain('stopping');
});

test('with a parent pipe, the end of standard input stops the service', async () => {
  const { child, exit, line, lines } = run('well', { parentPipe: '1' });
  await line('test is ready');
  child.stdin?.write('ignored\n');
  child.stdin?.end();
  expect(await exit).toEqual({ code: 0, signal: null });
  expect(lines.find(({ message }) => message === 'test is stopping')?.reason).toBe('parent process ended');
});

test('without a parent pipe, the end of standard input means nothing', async () => {
  const { child, exit, line } = run('well');
  await line('test is ready');
  child.stdin?.end();
  expect(await Promise.race([exit, sleep(300).then(() => 'still there')])).toBe('still there');
  child.kill('SIGTERM');
  expect(await exit).toEqual({ code: 0, signal: null });
});
