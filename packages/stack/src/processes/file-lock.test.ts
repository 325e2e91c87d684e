import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileLock, processIdentity, tryFileLock } from './file-lock.mjs';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cert-tasks-lock-'));
  path = join(directory, 'lock');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('tryFileLock', () => {
  test('gives the lock to one, names the holder to others, and gives it again after release', async () => {
    const first = await acquire();
    expect(await tryFileLock(path)).toEqual({ acquired: false, holderPid: process.pid });
    first.release();
    expect(existsSync(path)).toBe(false);
    (await acquire()).release();
  });

  test('takes the lock of a process that has ended', async () => {
    const child = spawn(process.execPath, ['-e', '']);
    const identity = processIdentity(child.pid ?? 0);
    await once(child, 'exit');
    writeFileSync(path, `${identity}\nx\n`);
    await acquire();
  });

  test('takes the lock of a process whose id another one has now', async () => {
    writeFileSync(path, `${process.pid} another-boot 1\nx\n`);
    await acquire();
  });

  test.each(['', 'nonsense\n', '-1\n', '0\n'])('takes a lock that names no process: %j', async (content) => {
    writeFileSync(path, content);
    await acquire();
  });

  test('gives a dead lock to one of many that take it over at once, and leaves nothing else behind', async () => {
    writeFileSync(path, `${process.pid} another-boot 1\nx\n`);
    const results = await Promise.all(Array.from({ length: 8 }, () => tryFileLock(path)));
    expect(results.filter((result) => result.acquired)).toHaveLength(1);
    expect(readdirSync(directory)).toEqual(['lock']);
  });

  test('release leaves a lock alone that is no longer its own', async () => {
    const first = await acquire();
    writeFileSync(path, `${process.pid} someone else\n`);
    first.release();
    expect(existsSync(path)).toBe(true);
  });
});

describe('processIdentity', () => {
  test('is the same for a process as long as it lives and undefined afterwards', async () => {
    const child = spawn('sleep', ['600']);
    const identity = processIdentity(child.pid ?? 0);
    expect(identity).toMatch(new RegExp(`^${child.pid} .+`));
    expect(processIdentity(child.pid ?? 0)).toBe(identity);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(processIdentity(child.pid ?? 0)).toBeUndefined();
  });
});

async function acquire(): Promise<Extract<FileLock, { acquired: true }>> {
  const lock = await tryFileLock(path);
  if (!lock.acquired) throw new Error(`held by ${lock.holderPid}`);
  return lock;
}
