import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort, ServiceProcess, type ServiceProcessOptions } from '../src/index.ts';
import { waitUntilGone } from './fixtures/wait-until.ts';

let directory: string;
const services: ServiceProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cert-tasks-service-'));
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('ServiceProcess', () => {
  test('is ready when start returns, has its settings and none of ours, and is gone when stopped', async () => {
    process.env['GREETING'] = 'ours';
    try {
      const service = await create();
      await service.start();
      await service.start();
      expect(service.lastLogLines(1)).toEqual(['settings: none, parent pipe 1']);
      const pid = service.pid ?? 0;
      await service.stop();
      expect(service.pid).toBeUndefined();
      await waitUntilGone([pid]);
      await service.stop();
    } finally {
      delete process.env['GREETING'];
    }
  });

  test('that ends while it starts is told with its last words', async () => {
    const service = await create({ env: { FAIL: '1' } });
    await expect(service.start()).rejects.toMatchObject({
      code: 'start-failed',
      message: `sample ended with code 3 while starting; its last words: settings: none, parent pipe 1 | first complaint | last complaint (log: ${directory}/sample.log)`,
    });
    expect(service.pid).toBeUndefined();
  });

  test('that is not ready in time is told, and not left running', async () => {
    const service = await create({ opsPort: await freePort(), startDeadlineMs: 1_500 });
    await expect(service.start()).rejects.toThrow('sample was not ready after 1.5 s');
    expect(service.pid).toBeUndefined();
  });

  test('that ignores SIGTERM is killed after its deadline', async () => {
    const service = await create({ env: { DEAF: '1' }, stopDeadlineMs: 1_000 });
    await service.start();
    const { exited } = service;
    await service.stop();
    expect(await exited).toEqual({ signal: 'SIGKILL' });
  });

  test('killed as by a failpoint, it is seen to have ended, and starts again with a new log', async () => {
    const service = await create();
    await service.start();
    const first = service.pid ?? 0;
    service.kill('SIGKILL');
    expect(await service.exited).toEqual({ signal: 'SIGKILL' });
    expect(service.pid).toBeUndefined();
    service.kill('SIGKILL');
    await service.start();
    expect(service.pid).not.toBe(first);
    expect(readFileSync(join(directory, 'sample.log.1'), 'utf8')).toBe('settings: none, parent pipe 1\n');
  });
});

async function create(options: Partial<ServiceProcessOptions> = {}): Promise<ServiceProcess> {
  const opsPort = await freePort();
  const service = new ServiceProcess({
    name: 'sample',
    entry: fileURLToPath(new URL('fixtures/service.ts', import.meta.url)),
    opsPort,
    logFile: join(directory, 'sample.log'),
    ...options,
    env: { OPS_PORT: String(opsPort), ...options.env },
  });
  services.push(service);
  return service;
}
