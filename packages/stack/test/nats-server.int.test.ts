import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  findNats,
  NatsServer,
  type NatsServerOptions,
  type NatsUser,
  streamName,
  userCacheDirectory,
} from '../src/index.ts';
import { waitUntil, waitUntilGone } from './fixtures/wait-until.ts';

let executable: string;
let home: string;
const servers: NatsServer[] = [];

beforeAll(async () => {
  const { NATS_URL: _, ...env } = process.env;
  const found = await findNats({
    env,
    cacheDirectory: userCacheDirectory(env) ?? join(tmpdir(), 'cert-tasks'),
    notify: () => undefined,
  });
  if (found.kind !== 'program') throw new Error('no program');
  executable = found.executable;
}, 300_000);
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cert-tasks-nats-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('NatsServer', () => {
  test('keeps streams over a restart, also after a kill, and is gone when stopped', async () => {
    const server = create();
    await server.start();
    const created = await converse(server, 'cert', [request('$JS.API.STREAM.CREATE.EVENTS_CERT', stream('cert'))]);
    expect(created).toContain('"type":"io.nats.jetstream.api.v1.stream_create_response"');
    expect(created).not.toContain('"error"');
    await converse(server, 'cert', [request('events.cert.issued', 'hello')]);
    const firstPid = server.pid;
    await server.stop();
    await waitUntilGone([firstPid]);

    await server.start();
    expect(await converse(server, 'cert', [request('$JS.API.STREAM.INFO.EVENTS_CERT', '')])).toContain('"messages":1');
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ signal: 'SIGKILL' });
    await server.stop();
    await server.start();
    expect(await converse(server, 'cert', [request('$JS.API.STREAM.INFO.EVENTS_CERT', '')])).toContain('"messages":1');
  });

  test('writes the passwords where nobody else reads them, and lets nobody in without', async () => {
    const server = create();
    await server.start();
    const file = join(home, 'nats/nats-server.conf');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('secret-of-cert');
    expect(statSync(join(home, 'nats')).mode & 0o777).toBe(0o700);
    expect(await converse(server, undefined, ['PING\r\n'])).toContain('Authorization Violation');
    const wrong = create({ passwords: { ...passwords(), cert: 'wrong' } });
    expect(
      await converse({ port: server.port, credentials: (user) => wrong.credentials(user) }, 'cert', ['PING\r\n']),
    ).toContain('Authorization Violation');
  });

  test.each(['cert', 'signer', 'task', 'audit'] as const)(
    '%s publishes its own events and hints only',
    async (service) => {
      const server = create();
      await server.start();
      const others = (['cert', 'signer', 'task', 'audit'] as const).filter((user) => user !== service);
      expect(
        await converse(server, service, [
          `PUB events.${service}.x 1\r\na\r\n`,
          `PUB hints.${service}.y 1\r\na\r\n`,
          'SUB events.> 2\r\n',
        ]),
      ).not.toContain('-ERR');
      for (const other of others) {
        expect(await converse(server, service, [`PUB events.${other}.x 1\r\na\r\n`])).toContain(
          `Permissions Violation for Publish to "events.${other}.x"`,
        );
        const theirs = streamName(other);
        expect(await converse(server, service, [`PUB $JS.API.STREAM.CREATE.${theirs} _INBOX.a 2\r\n{}\r\n`])).toContain(
          'Permissions Violation',
        );
      }
      for (const verb of ['DELETE', 'PURGE']) {
        expect(
          await converse(server, service, [`PUB $JS.API.STREAM.${verb}.${streamName(service)} _INBOX.a 0\r\n\r\n`]),
        ).toContain('Permissions Violation');
      }
      expect(await converse(server, service, ['SUB $JS.API.> 3\r\n'])).toContain(
        'Permissions Violation for Subscription',
      );
    },
  );

  test('the platform itself may do everything', async () => {
    const server = create();
    await server.start();
    await converse(server, 'cert', [request('$JS.API.STREAM.CREATE.EVENTS_CERT', stream('cert'))]);
    expect(await converse(server, 'stack', [request('$JS.API.STREAM.DELETE.EVENTS_CERT', '')])).toContain(
      '"success":true',
    );
  });

  test('stops a server that an earlier start left running on the same folder', async () => {
    const server = create();
    await server.start();
    await server.stop();
    const leftover = spawn(executable, ['-c', join(home, 'nats/nats-server.conf')], { stdio: 'ignore' });
    const pidFile = join(home, 'nats/nats-server.pid');
    await waitUntil('it is up', () => {
      try {
        return readFileSync(pidFile, 'utf8').trim() === String(leftover.pid);
      } catch {
        return false;
      }
    });
    const ended = once(leftover, 'exit');
    await server.start();
    await ended;
    expect(server.pid).not.toBe(leftover.pid);
    expect(await converse(server, 'stack', ['PING\r\n'])).toContain('PONG');
  });

  test('says why it did not start when its port is held, and leaves nothing running', async () => {
    const holder = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    const server = create({ port: address.port });
    await expect(server.start()).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('address already in use'),
    });
    holder.close();
    await server.start();
    expect(server.url).toBe(`nats://127.0.0.1:${address.port}`);
  });

  test('a program that is no server is told in one line', async () => {
    const server = create({ executable: join(home, 'missing') });
    await expect(server.start()).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringMatching(/ended with code 127 .*not found/),
    });
    await server.stop();
    await expect(create({ passwords: { ...passwords(), audit: 'a"b' } }).start()).rejects.toThrow(RangeError);
  });
});

function passwords(): Record<NatsUser, string> {
  return { cert: 'secret-of-cert', signer: 's2', task: 's3', audit: 's4', stack: 's5' };
}

function create(options: Partial<NatsServerOptions> = {}): NatsServer {
  const server = new NatsServer({
    executable,
    directory: join(home, 'nats'),
    passwords: passwords(),
    logFile: join(home, 'nats.log'),
    ...options,
  });
  servers.push(server);
  return server;
}

function stream(service: string): string {
  return JSON.stringify({
    name: `EVENTS_${service.toUpperCase()}`,
    subjects: [`events.${service}.>`],
    storage: 'file',
    retention: 'limits',
    num_replicas: 1,
  });
}

/** A request whose answer comes to the subscription that `converse` makes. */
function request(subject: string, body: string): string {
  return `PUB ${subject} _INBOX.reply ${Buffer.byteLength(body)}\r\n${body}\r\n`;
}

/** Speaks the protocol itself, and returns all that the server said until it has answered the last line. */
function converse(
  server: Pick<NatsServer, 'port' | 'credentials'>,
  user: NatsUser | undefined,
  lines: readonly string[],
): Promise<string> {
  const login = user === undefined ? undefined : server.credentials(user);
  const options = JSON.stringify({
    verbose: false,
    pedantic: false,
    ...(login && { user: login.user, pass: login.password }),
  });
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.port });
    const timer = setTimeout(() => finish(new Error(`no answer: ${said}`)), 10_000);
    let said = '';
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      if (error === undefined) resolve(said);
      else reject(error);
    };
    const wantsReply = lines.some((line) => line.includes(' _INBOX.reply '));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      if (said === '') socket.write(`CONNECT ${options}\r\nSUB _INBOX.reply 1\r\n${lines.join('')}PING\r\n`);
      said += chunk;
      const answered = wantsReply ? /MSG _INBOX\.reply[^\r]*\r\n[^\r]*\r\n/.test(said) : said.includes('PONG');
      if (answered || said.includes('-ERR')) finish();
    });
    socket.once('error', finish);
    socket.once('close', () => finish());
  });
}
