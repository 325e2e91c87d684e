import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitUntil, waitUntilGone } from './fixtures/wait-until.ts';

const REPOSITORY = resolve(fileURLToPath(import.meta.url), '../../../..');
const START = fileOf('start');

let root: string;
const children: ChildProcess[] = [];

/** A clone in small: the launcher with what it reads, a start program, and an npx that stands for pnpm's install. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cert-tasks-launch-'));
  for (const file of [
    'bin/launch.mjs',
    'packages/stack/src/processes/guard.sh',
    'packages/stack/src/processes/file-lock.mjs',
  ]) {
    cpSync(join(REPOSITORY, file), join(root, file));
  }
  write('package.json', '{"type":"module","packageManager":"pnpm@1.2.3"}');
  write('pnpm-lock.yaml', 'lock');
  write('pnpm-workspace.yaml', "packages:\n  - packages/*\n  - 'test'\n\nallowBuilds:\n  - other\n");
  write('packages/stack/package.json', '{"name":"stack","type":"module"}');
  write('tools/npx', '#!/bin/sh\necho "$@" >> "$INSTALLS"\nsleep 0.3\nexit $INSTALL_STATUS\n');
  chmodSync(join(root, 'tools/npx'), 0o755);
  program('process.exit(0)');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

describe('the launcher', () => {
  test('hands over arguments, input, output, the workspace’s programs and the exit code', async () => {
    program(`
      let input = '';
      for await (const chunk of process.stdin) input += chunk;
      console.log(JSON.stringify([process.argv.slice(2), input, process.env.PATH?.split(':')[1], process.cwd()]));
      console.error('on stderr');
      process.exit(42);
    `);
    const ended = await finish(launch(['start', '--flag', 'a b']), 'typed');
    expect(ended.status).toBe(42);
    expect(JSON.parse(ended.stdout)).toEqual([['--flag', 'a b'], 'typed', join(root, 'node_modules/.bin'), root]);
    expect(ended.stderr).toContain('on stderr');
  });

  test.each([
    [[], 'cert-tasks: No program named. Choose one of: start, '],
    [['toString'], 'cert-tasks: There is no program toString. Choose one of: start, '],
    [['bench'], `test/bench/run.ts is missing. Is this a complete clone?`],
  ])('says what is wrong with %j', async (args, message) => {
    const ended = await finish(launch(args));
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(message);
    expect(ended.stdout).toBe('');
  });

  test('runs the command line program where the caller is', async () => {
    write(fileOf('cli'), 'console.log(process.cwd())');
    expect((await finish(launch(['cli']))).stdout).toBe(`${realpathSync(tmpdir())}\n`);
  });

  test('ends with 128 + n when signal n ends the program', async () => {
    program("process.kill(process.pid, 'SIGKILL')");
    expect((await finish(launch(['start']))).status).toBe(137);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'passes %s on, once for an echo of it, again for a second one',
    async (signal) => {
      program(`
      let count = 0;
      process.on('${signal}', () => { console.log('signal'); if (++count === 2) process.exit(9); });
      setInterval(() => undefined, 1_000);
      console.log('up');
    `);
      const child = launch(['start']);
      const output = collect(child);
      await waitUntil('it is up', () => output.stdout === 'up\n');
      child.kill(signal);
      child.kill(signal);
      await waitUntil('it has the signal', () => output.stdout === 'up\nsignal\n');
      await new Promise((done) => setTimeout(done, 300));
      child.kill(signal);
      const [status] = await once(child, 'close');
      expect([status, output.stdout]).toEqual([9, 'up\nsignal\nsignal\n']);
    },
  );

  test('ends the program, and itself, when the guard between them is killed', async () => {
    program('console.log(process.ppid, process.pid); setInterval(() => undefined, 1_000)');
    const child = launch(['start']);
    const output = collect(child);
    await waitUntil('it is up', () => output.stdout.endsWith('\n'));
    const [guard = 0, pid = 0] = output.stdout.trim().split(' ').map(Number);
    process.kill(guard, 'SIGKILL');
    const [status] = await once(child, 'close');
    expect(status).toBe(137);
    await waitUntilGone([guard, pid]);
  });

  test('killed, it leaves neither the program nor what that started', async () => {
    program(`
      import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      console.log(process.pid, child.pid);
      setInterval(() => undefined, 1_000);
    `);
    const child = launch(['start']);
    const output = collect(child);
    await waitUntil('it is up', () => output.stdout.endsWith('\n'));
    const pids = output.stdout.trim().split(' ').map(Number);
    child.kill('SIGKILL');
    await waitUntilGone(pids);
  });
});

describe('its install', () => {
  test('happens once, and again when anything changes that decides what is installed', async () => {
    const first = await finish(launch(['start']));
    expect(first.status).toBe(0);
    expect(first.stderr).toContain('installing the dependencies');
    expect(first.stdout).toBe('');
    expect((await finish(launch(['start']))).stderr).toBe('');
    expect(installs()).toEqual(['--yes pnpm@1.2.3 install --frozen-lockfile']);
    for (const [index, file] of [
      'pnpm-lock.yaml',
      'pnpm-workspace.yaml',
      'package.json',
      'packages/stack/package.json',
    ].entries()) {
      appendFileSync(join(root, file), ' ');
      await finish(launch(['start']));
      expect(installs()).toHaveLength(2 + index);
    }
    write('packages/new/package.json', '{}');
    write('test/package.json', '{}');
    write('unrelated/package.json', '{}');
    await finish(launch(['start']));
    expect(installs()).toHaveLength(6);
    await finish(launch(['start']));
    expect(installs()).toHaveLength(6);
  });

  test('is done by one of two launches at once, the other waits', async () => {
    const ended = await Promise.all([finish(launch(['start'])), finish(launch(['start']))]);
    expect(ended.map(({ status }) => status)).toEqual([0, 0]);
    expect(installs()).toHaveLength(1);
    expect(ended.map(({ stderr }) => stderr).join('')).toMatch(
      /process [0-9]+ is installing the dependencies; waiting for it/,
    );
  });

  test('that fails is told in one line, and tried again the next time', async () => {
    const ended = await finish(launch(['start'], { INSTALL_STATUS: '3' }));
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain(
      'cert-tasks: The dependencies could not be installed (pnpm@1.2.3 ended with 3; its reason is above). Is the npm registry reachable?\n',
    );
    expect((await finish(launch(['start']))).status).toBe(0);
    expect(installs()).toHaveLength(2);
  });

  test('cut short by a kill leaves nothing behind that hinders the next', async () => {
    write('tools/npx', '#!/bin/sh\necho $$ > "$INSTALLS"\nexec sleep 600\n');
    const child = launch(['start']);
    await waitUntil(
      'it installs',
      () => existsSync(join(root, 'installs')) && readFileSync(join(root, 'installs'), 'utf8') !== '',
    );
    const pid = Number(readFileSync(join(root, 'installs'), 'utf8'));
    child.kill('SIGKILL');
    await waitUntilGone([pid]);
    write('tools/npx', '#!/bin/sh\nexit 0\n');
    expect((await finish(launch(['start']))).status).toBe(0);
  });

  test('cut short by Ctrl-C ends the launch', async () => {
    write('tools/npx', `#!/bin/sh\necho up > "$INSTALLS"\nexec sleep 600\n`);
    const child = launch(['start']);
    const ended = finish(child);
    await waitUntil('it installs', () => existsSync(join(root, 'installs')));
    child.kill('SIGTERM');
    expect((await ended).status).toBe(143);
  });

  test('without npx is told in one line', async () => {
    rmSync(join(root, 'tools/npx'));
    const ended = await finish(launch(['start'], { PATH: '/nonexistent' }));
    expect([ended.status, ended.stderr]).toEqual([
      1,
      'cert-tasks: installing the dependencies (once; this takes a minute on a slow network)\ncert-tasks: npx is not on PATH; it comes with npm. Install npm (10 or newer) and try again.\n',
    ]);
  });
});

/** The file of a program, from the launcher's own table. */
function fileOf(name: string): string {
  const source = readFileSync(join(REPOSITORY, 'bin/launch.mjs'), 'utf8');
  const file = new RegExp(`^  ${name}: \\[\\{ file: '([^']+)'`, 'm').exec(source)?.[1];
  if (file === undefined) throw new Error(`the launcher has no program ${name}`);
  return file;
}

function write(file: string, content: string): void {
  const path = join(root, file);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
}

function program(source: string): void {
  write(START, source);
}

function launch(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [join(root, 'bin/launch.mjs'), ...args], {
    cwd: tmpdir(),
    env: { PATH: `${join(root, 'tools')}:/usr/bin:/bin`, INSTALLS: join(root, 'installs'), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    output.stdout += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    output.stderr += chunk;
  });
  return output;
}

async function finish(child: ChildProcess, input = ''): Promise<{ status: number; stdout: string; stderr: string }> {
  const output = collect(child);
  child.stdin?.end(input);
  const [status] = await once(child, 'close');
  return { status: Number(status), ...output };
}

function installs(): readonly string[] {
  return readFileSync(join(root, 'installs'), 'utf8').trim().split('\n');
}
