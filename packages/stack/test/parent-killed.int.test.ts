import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPortsFree } from '../src/index.ts';
import { fact, type Script, startScript } from './fixtures/script.ts';
import { waitUntilGone } from './fixtures/wait-until.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cert-tasks-platform-'));
  chmodSync(home, 0o711);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test('nothing outlives a platform that is killed, and the next one starts on what it left', async () => {
  const path = join(home, 'home');
  const port = await findPorts();
  const first = await startScript('platform.ts', [path, String(port)]);
  await expect(check(port)).rejects.toThrow(/PostgreSQL.*NATS.*cert, ops/);
  await kill(first);
  await check(port);
  const second = await startScript('platform.ts', [path, String(port)]);
  await kill(second);
  await check(port);
});

/** Three free ports below those that systems give out by themselves: nobody takes them up the moment they are free. */
async function findPorts(): Promise<number> {
  for (let port = 20_000 + (process.pid % 1_000) * 10; port < 32_000; port += 10) {
    const free = await check(port).then(
      () => true,
      () => false,
    );
    if (free) return port;
  }
  throw new Error('no free ports');
}

async function check(port: number): Promise<void> {
  await checkPortsFree({ postgres: port, nats: port + 1, 'cert-ops': port + 2 });
}

async function kill(script: Script): Promise<void> {
  script.child.kill('SIGKILL');
  await waitUntilGone([script.pid, fact(script, 'postgres'), fact(script, 'nats'), fact(script, 'service')]);
}
