import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PostgresServer, type PostgresServerOptions, startEphemeralPostgres } from '../src/index.ts';
import { findPostgresBinaries, reachableBinaries } from '../src/postgres/binaries.ts';
import { unprivilegedUser } from '../src/processes/unprivileged-user.ts';
import { waitUntilGone } from './fixtures/wait-until.ts';

let templates: string;
let home: string;
const servers: PostgresServer[] = [];

beforeAll(() => {
  templates = openDirectory('cert-tasks-templates-');
});
afterAll(() => rmSync(templates, { recursive: true, force: true }));
beforeEach(() => {
  home = openDirectory('cert-tasks-pg-');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('a durable server', () => {
  test('keeps its data over a restart, asks for the password, and is gone when stopped', async () => {
    const server = durable();
    await server.start();
    await server.start();
    const firstPid = server.pid;
    await query(server.adminUrl, "create table kept as select 'yes' as word");
    expect(
      await query(
        server.adminUrl,
        "select current_setting('fsync') f, current_setting('server_version_num')::int / 10000 v, current_setting('unix_socket_directories') s",
      ),
    ).toEqual([{ f: 'on', v: 18, s: '' }]);
    await expect(query(server.adminUrl.replace('pass', 'wrong'), 'select 1')).rejects.toThrow(
      'password authentication failed',
    );
    await expect(query(server.adminUrl.replace(':pass%20word', ''), 'select 1')).rejects.toThrow();
    await server.stop();
    await server.stop();
    await waitUntilGone([firstPid]);
    await server.start();
    expect(await query(server.adminUrl, 'select word from kept')).toEqual([{ word: 'yes' }]);
  });

  test('survives a kill of every process, and a stale pid file with the number of a stranger', async () => {
    const server = durable();
    await server.start();
    await query(server.adminUrl, "create table kept as select 'yes' as word");
    process.kill(server.pid, 'SIGKILL');
    expect(await server.exited).toEqual({ signal: 'SIGKILL' });
    const pidFile = join(server.dataDirectory, 'postmaster.pid');
    expect(existsSync(pidFile)).toBe(true);
    await server.stop();

    await server.start();
    expect(await query(server.adminUrl, 'select word from kept')).toEqual([{ word: 'yes' }]);
    await server.stop();

    // This process is alive, and no PostgreSQL.
    writeFileSync(pidFile, `${process.pid}\n${server}\n`);
    await server.start();
    expect(await query(server.adminUrl, 'select word from kept')).toEqual([{ word: 'yes' }]);
  });

  test('stops a server that an earlier start left running on the same data', async () => {
    const server = durable();
    await server.start();
    const { dataDirectory } = server;
    await server.stop();
    const leftover = await startUnguarded(dataDirectory);
    await server.start();
    expect(server.pid).not.toBe(leftover);
    expect(await query(server.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    await waitUntilGone([leftover]);
  });

  test('is refused to a second starter', async () => {
    const server = durable();
    await server.start();
    await expect(durable().start()).rejects.toMatchObject({ code: 'home-in-use' });
    expect(await query(server.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test.each([
    ['19\n', 'data-newer', /written by PostgreSQL 19; this version brings PostgreSQL 18\. Use the newer version/],
    ['17\n', 'data-older', /written by PostgreSQL 17; this version brings PostgreSQL 18\. Dump them/],
  ])('refuses the data of version %j', async (version, code, message) => {
    const server = durable();
    await server.start();
    const file = join(server.dataDirectory, 'PG_VERSION');
    await server.stop();
    writeFileSync(file, version);
    await expect(server.start()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    writeFileSync(file, '18\n');
    await server.start();
  });

  test('leaves no half a cluster when making one is cut short', async () => {
    mkdirSync(join(home, 'postgres/data.new/base'), { recursive: true });
    writeFileSync(join(home, 'postgres/data.new/PG_VERSION'), '18\n');
    writeFileSync(join(home, 'postgres/data.new.password'), 'of the start that was cut short');
    const server = durable();
    await server.start();
    expect(readdirSync(join(home, 'postgres')).sort()).toEqual(['data', 'lock']);
  });

  test('says why it did not start, and leaves nothing running or locked', async () => {
    const other = durable();
    await other.start();
    const server = durable({ directory: join(home, 'second'), port: other.port });
    await expect(server.start()).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('Address already in use'),
    });
    await other.stop();
    await server.start();
  });

  test('stopped while it starts, it is stopped', async () => {
    const server = durable();
    const starting = server.start().catch(() => undefined);
    await server.stop();
    await starting;
    expect(() => server.pid).toThrow('not started');
    await server.start();
  });
});

describe('a throw-away server', () => {
  test('needs no initdb once its template exists, has a password of its own, and leaves nothing', async () => {
    const first = await ephemeral();
    await query(first.adminUrl, 'create table t (i int)');
    const second = await ephemeral();
    const third = await ephemeral();
    // initdb is what takes long.
    const log = readFileSync(join(dirname(third.dataDirectory), 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toContain('creating configuration files');
    expect(await query(third.adminUrl, "select to_regclass('t') as t")).toEqual([{ t: null }]);
    await expect(query(first.adminUrl.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow('password');
    const directory = dirname(third.dataDirectory);
    await Promise.all([first.stop(), second.stop(), third.stop()]);
    expect(existsSync(directory)).toBe(false);
  });

  test('removes what a killed starter left, and nothing that is in use', async () => {
    const abandoned = mkdtempSync(join(tmpdir(), 'cert-tasks-postgres-'));
    writeFileSync(join(abandoned, 'lock'), `${process.pid} another-boot 1\nx\n`);
    const running = dirname((await ephemeral()).dataDirectory);
    const young = mkdtempSync(join(tmpdir(), 'cert-tasks-postgres-'));
    const longAgo = new Date(Date.now() - 60 * 60_000);
    for (const path of [abandoned, running]) utimesSync(path, longAgo, longAgo);
    await ephemeral();
    expect([abandoned, running, young].map((path) => existsSync(path))).toEqual([false, true, true]);
    rmSync(young, { recursive: true });
  });

  test('several make the template at once', async () => {
    rmSync(templates, { recursive: true });
    const started = await Promise.all([ephemeral(), ephemeral(), ephemeral()]);
    for (const server of started) expect(await query(server.adminUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    expect(readdirSync(templates).filter((name) => name.includes('.new'))).toEqual([]);
  });
});

describe('the user', () => {
  test('is never root', async () => {
    const server = await ephemeral();
    const user = await unprivilegedUser();
    const uid = user?.uid ?? process.getuid?.();
    expect(uid).toBeGreaterThan(0);
    expect(statSync(server.dataDirectory).uid).toBe(uid);
    if (process.platform === 'linux') expect(statSync(`/proc/${server.pid}`).uid).toBe(uid);
  });
});

// Only root has another user to run it as.
if (process.getuid?.() === 0) {
  describe('the user', () => {
    test('of root uses another folder where the clone shuts it out, says so once, and finds its data again', async () => {
      const closed = join(home, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      const notices: string[] = [];
      const options = {
        directory: join(closed, 'postgres'),
        sharedRoot: join(home, 'shared'),
        notify: (line: string) => notices.push(line),
      };
      const server = durable(options);
      await server.start();
      expect(server.dataDirectory.startsWith(join(home, 'shared/closed-postgres-'))).toBe(true);
      expect(notices).toEqual([
        `PostgreSQL runs as user ${(await unprivilegedUser())?.name}, who cannot reach ${closed}/postgres: its files are in ${dirname(server.dataDirectory)}`,
      ]);
      await query(server.adminUrl, "create table kept as select 'yes' as word");
      await server.stop();
      const again = durable(options);
      await again.start();
      expect(await query(again.adminUrl, 'select word from kept')).toEqual([{ word: 'yes' }]);
      expect(notices).toHaveLength(1);
    });

    test('of root that can no longer reach its data is told so, and no new data are begun', async () => {
      const folder = join(home, 'folder');
      mkdirSync(folder);
      const server = durable({ directory: join(folder, 'postgres'), sharedRoot: join(home, 'shared') });
      await server.start();
      await server.stop();
      chmodSync(folder, 0o700);
      await expect(server.start()).rejects.toMatchObject({
        code: 'data-unreachable',
        message: expect.stringContaining('chmod o+x'),
      });
    });

    test('of root gets a copy of binaries that it cannot reach', async () => {
      const found = await findPostgresBinaries();
      const closed = join(home, 'closed');
      mkdirSync(closed, { mode: 0o700 });
      cpSync(found.nativeDirectory, join(closed, 'native'), { recursive: true, verbatimSymlinks: true });
      const hidden = {
        ...found,
        nativeDirectory: join(closed, 'native'),
        postgres: join(closed, 'native/bin/postgres'),
        initdb: join(closed, 'native/bin/initdb'),
      };
      const notices: string[] = [];
      const options = {
        found: hidden,
        user: await unprivilegedUser(),
        sharedRoot: join(home, 'shared'),
        notify: (line: string) => notices.push(line),
      };
      const copied = await reachableBinaries(options);
      expect(copied.postgres).toBe(join(home, `shared/postgresql-${found.version}/bin/postgres`));
      expect(await reachableBinaries(options)).toEqual(copied);
      expect(notices).toHaveLength(1);
    });
  });
}

function openDirectory(prefix: string): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(path, 0o711);
  return path;
}

function durable(options: Partial<PostgresServerOptions> = {}): PostgresServer {
  const server = new PostgresServer({
    directory: join(home, 'postgres'),
    password: 'pass word',
    logFile: join(home, 'postgres.log'),
    ...options,
  });
  servers.push(server);
  return server;
}

async function ephemeral(): Promise<PostgresServer> {
  const server = await startEphemeralPostgres({ templateDirectory: templates });
  servers.push(server);
  return server;
}

/** A server that nobody watches, as after its guard and starter were killed together. */
async function startUnguarded(dataDirectory: string): Promise<number> {
  const found = await findPostgresBinaries();
  const user = await unprivilegedUser();
  const script = '"$0" -D "$1" -p 7999 -c listen_addresses= -c unix_socket_directories="$1" >/dev/null 2>&1 & echo $!';
  const output = execFileSync('/bin/sh', ['-c', script, found.postgres, dataDirectory], {
    encoding: 'utf8',
    cwd: '/',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  });
  const pid = Number(output);
  const pidFile = join(dataDirectory, 'postmaster.pid');
  for (let tries = 0; tries < 500; tries++) {
    if (existsSync(pidFile) && readFileSync(pidFile, 'utf8').split('\n')[7]?.trim() === 'ready') return pid;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the server did not come up');
}

async function query(url: string, text: string): Promise<readonly unknown[]> {
  const sql = postgres(url, { max: 1, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end();
  }
}
