import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { checkPortsFree, freePort, freePorts, PORT_NAMES, portsFromEnv, portVariable } from './ports.ts';
import { StackError } from './stack-error.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((done) => server.close(done));
});

describe('portsFromEnv', () => {
  test('defaults are one contiguous range in the order of the table', () => {
    const ports = portsFromEnv({});
    expect(PORT_NAMES.map((name) => ports[name])).toEqual(Array.from({ length: 16 }, (_, index) => 7440 + index));
    expect(ports['cert-public']).toBe(7443);
  });

  test('the base moves all, a variable of its own wins', () => {
    const ports = portsFromEnv({
      CERT_TASKS_PORT_BASE: '20000',
      CERT_TASKS_PORT_CERT_PUBLIC: '443',
      CERT_TASKS_PORT_NATS: '',
    });
    expect([ports.postgres, ports.nats, ports['cert-public'], ports['audit-ops']]).toEqual([
      20_000, 20_001, 443, 20_015,
    ]);
  });

  test('every wrong variable is named at once', () => {
    const read = (): unknown =>
      portsFromEnv({
        CERT_TASKS_PORT_NATS: 'x',
        CERT_TASKS_PORT_ISSUER: '0',
        CERT_TASKS_PORT_CERT_OPS: '7443',
        CERT_TASKS_PORT_TASK_OPS: '65536',
      });
    expect(read).toThrow(StackError);
    expect(read).toThrow(
      'CERT_TASKS_PORT_NATS must be a port from 1 to 65535, not "x"; CERT_TASKS_PORT_ISSUER must be a port from 1 to 65535, not "0"; CERT_TASKS_PORT_TASK_OPS must be a port from 1 to 65535, not "65536"; CERT_TASKS_PORT_CERT_PUBLIC and CERT_TASKS_PORT_CERT_OPS are both 7443.',
    );
  });

  test('a base too high is refused', () => {
    expect(() => portsFromEnv({ CERT_TASKS_PORT_BASE: '65521' })).toThrow(
      'CERT_TASKS_PORT_BASE leaves no room for 16 ports (at most 65520)',
    );
    expect(portsFromEnv({ CERT_TASKS_PORT_BASE: '65520' })['audit-ops']).toBe(65_535);
  });
});

describe('checkPortsFree', () => {
  test('passes free ports', async () => {
    const ports = await freePorts();
    expect(new Set(Object.values(ports)).size).toBe(16);
    await checkPortsFree(ports);
  });

  test.each(['127.0.0.1', '0.0.0.0'])('names a port held on %s, and its variable, in one line', async (host) => {
    const port = await listen(host);
    const failure = await checkPortsFree({ nats: await freePort(), 'cert-public': port }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(StackError);
    expect(failure).toMatchObject({
      code: 'port-in-use',
      message: `Port ${port} (cert, public; set CERT_TASKS_PORT_CERT_PUBLIC to another) is in use by another process. Stop it, or move the whole range with CERT_TASKS_PORT_BASE.`,
    });
  });

  test('names all that are held', async () => {
    const [first, second] = [await listen('127.0.0.1'), await listen('127.0.0.1')];
    await expect(checkPortsFree({ postgres: first, nats: second })).rejects.toThrow(
      `Ports ${first} (PostgreSQL; set CERT_TASKS_PORT_POSTGRES to another), ${second} (NATS; set CERT_TASKS_PORT_NATS to another) are in use`,
    );
  });
});

test('a variable is named after its port', () => {
  expect(portVariable('signer-internal')).toBe('CERT_TASKS_PORT_SIGNER_INTERNAL');
});

function listen(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    servers.push(server);
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
  });
}
