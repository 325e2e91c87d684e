// Plain JavaScript without dependencies: bin/launch.mjs uses it too, on Nodes that cannot run TypeScript and before
// anything is installed.
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a lock taken over from a dead holder is left alone before it is believed: two may take it over at once. */
const TAKEOVER_SETTLE_MS = 50;

/**
 * Identity of a live process: its id and the moment it started, so that a process id used again (after a restart of the
 * machine or container this is common) is not taken for the earlier process. undefined when there is no such process;
 * one that has ended and only waits for its parent to notice (a zombie) counts as gone.
 *
 * @param {number} pid
 * @returns {string | undefined}
 */
export function processIdentity(pid) {
  if (process.platform === 'linux') {
    try {
      // The command name in parentheses may hold spaces and parentheses itself; fields are counted after the last one.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // The first thread can be a zombie while others still end, and hold files and ports until they have: field 20 counts them.
      if (fields[0] === 'X' || (fields[0] === 'Z' && Number(fields[17]) <= 1)) return undefined;
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return `${pid} ${boot} ${fields[19]}`;
    } catch {
      return isAlive(pid) ? `${pid}` : undefined;
    }
  }
  const ps = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C', PATH: '/bin:/usr/bin' },
  });
  const line = ps.status === 0 ? ps.stdout.trim() : '';
  if (line === '') return isAlive(pid) && ps.error !== undefined ? `${pid}` : undefined;
  const [state = '', ...started] = line.split(/\s+/);
  return state.startsWith('Z') ? undefined : `${pid} ${started.join(' ')}`;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Tries to take the lock that the file `path` stands for. The lock of a process that no longer lives is taken over. Its
 * folder must exist. Not re-entrant: a process that holds the lock is refused it a second time.
 *
 * @param {string} path
 * @returns {Promise<{ acquired: true, release: () => void } | { acquired: false, holderPid: number }>}
 */
export async function tryFileLock(path) {
  const mine = `${processIdentity(process.pid) ?? process.pid}\n${randomUUID()}\n`;
  const draft = `${path}.${process.pid}.${randomUUID()}`;
  // The file appears under its name with its content in one step, so that nobody reads a lock without a holder.
  writeFileSync(draft, mine, { mode: 0o600, flag: 'wx' });
  try {
    for (;;) {
      try {
        linkSync(draft, path);
        return { acquired: true, release: () => releaseLock(path, mine) };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const found = readLock(path);
      if (found === undefined) continue;
      const holder = found.split('\n', 1)[0] ?? '';
      const holderPid = Number.parseInt(holder, 10);
      if (Number.isSafeInteger(holderPid) && holderPid > 0 && processIdentity(holderPid) === holder) {
        return { acquired: false, holderPid };
      }
      if (readLock(path) !== found) continue;
      renameSync(draft, path);
      await delay(TAKEOVER_SETTLE_MS);
      if (readLock(path) === mine) return { acquired: true, release: () => releaseLock(path, mine) };
      writeFileSync(draft, mine, { mode: 0o600, flag: 'wx' });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {string | undefined}
 */
function readLock(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * @param {string} path
 * @param {string} mine
 */
function releaseLock(path, mine) {
  if (readLock(path) === mine) rmSync(path, { force: true });
}
