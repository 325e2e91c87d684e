import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findNats, freePort, userCacheDirectory } from '../src/index.ts';
import { downloadOfficialRelease } from '../src/nats/official-release.ts';

let home: string;
let notices: string[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'cert-tasks-find-'));
  notices = [];
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe('findNats', () => {
  test('takes a running server that NATS_URL names', async () => {
    program('path', '2.10.0');
    expect(await find({ env: { NATS_URL: 'nats://broker:4222', PATH: join(home, 'path') } })).toEqual({
      kind: 'running',
      url: 'nats://broker:4222',
    });
    await expect(find({ env: { NATS_URL: 'broker:4222' } })).rejects.toThrow(
      'NATS_URL is not the URL of a NATS server',
    );
  });

  test('takes the first on PATH that is new enough, and says which is not', async () => {
    const old = program('old', '2.8.4');
    const good = program('good', '2.9.10');
    program('later', '2.12.0');
    const path = ['old', 'good', 'later'].map((folder) => join(home, folder)).join(':');
    expect(await find({ env: { PATH: `relative::${path}` } })).toEqual({
      kind: 'program',
      executable: good,
      version: '2.9.10',
    });
    expect(notices).toEqual([`${old} is version 2.8.4, too old: 2.9 or newer is needed`]);
  });

  test('looks where Debian puts it, then in the cache', async () => {
    const cached = program('cache', '2.9.0');
    expect(await find({})).toMatchObject({ executable: cached });
    const system = program('sbin', '2.11.0');
    expect(await find({ systemFolders: [join(home, 'sbin')] })).toMatchObject({ executable: system });
  });

  test('brings it from the first source that works, once, and leaves nothing else in the cache', async () => {
    let asked = 0;
    const sources = [
      async () => {
        throw new Error('the first is out of reach');
      },
      async ({ workDirectory }: { workDirectory: string }) => {
        asked++;
        mkdirSync(join(workDirectory, 'unpacked'));
        return program(join('cache', workDirectory.slice(join(home, 'cache').length + 1), 'unpacked'), '2.12.2');
      },
    ];
    const executable = join(home, 'cache/nats-server');
    expect(await find({ sources })).toEqual({ kind: 'program', executable, version: '2.12.2' });
    expect(await find({ sources })).toEqual({ kind: 'program', executable, version: '2.12.2' });
    expect(asked).toBe(1);
    expect(readdirSync(join(home, 'cache'))).toEqual(['nats-server']);
  });

  test('without any says in one line why, and what the choices are', async () => {
    const sources = [
      async () => {
        throw new Error('no network');
      },
      async ({ workDirectory }: { workDirectory: string }) => program(workDirectory.slice(home.length + 1), 'too odd'),
    ];
    const failure = await find({ sources }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'binary-missing',
      message: expect.stringMatching(
        /^nats-server is missing and could not be brought \(no network; .* does not run or is too old\)\. Put nats-server 2\.9 or newer on PATH .* or set NATS_URL to a running server\.$/,
      ),
    });
    expect(existsSync(join(home, 'cache/nats-server'))).toBe(false);
  });
});

describe('downloadOfficialRelease', () => {
  test('refuses an archive that is not the one pinned, and a site that has none', async () => {
    const requested: string[] = [];
    const server = createServer((request, response) => {
      requested.push(request.url ?? '');
      if (request.url?.startsWith('/bad/')) response.end('not the archive');
      else response.writeHead(404).end();
    });
    const baseUrl = await listen(server);
    const options = { workDirectory: home, notify: (line: string) => notices.push(line) };
    await expect(downloadOfficialRelease({ ...options, baseUrl: `${baseUrl}/bad` })).rejects.toThrow(
      /another checksum \([0-9a-f]{64}\)/,
    );
    await expect(downloadOfficialRelease({ ...options, baseUrl })).rejects.toThrow('HTTP status 404');
    expect(requested[1]).toMatch(/^\/v2\.12\.2\/nats-server-v2\.12\.2-(linux|darwin)-(amd64|arm64)\.tar\.gz$/);
    expect(readdirSync(home)).toEqual([]);
    server.closeAllConnections();
    server.close();
    const nobody = `http://127.0.0.1:${await freePort()}`;
    await expect(downloadOfficialRelease({ ...options, baseUrl: nobody })).rejects.toThrow('ECONNREFUSED');
  });

  test('does not wait long for a site that says nothing', async () => {
    const server = createServer(() => undefined);
    const baseUrl = await listen(server);
    const began = performance.now();
    await expect(downloadOfficialRelease({ workDirectory: home, notify: () => undefined, baseUrl })).rejects.toThrow(
      'no answer',
    );
    expect(performance.now() - began).toBeLessThan(6_000);
    server.closeAllConnections();
    server.close();
  });
});

test('the user’s cache follows the custom of the platform', () => {
  expect(userCacheDirectory({ XDG_CACHE_HOME: '/caches', HOME: '/home/u' })).toBe('/caches/cert-tasks');
  expect(userCacheDirectory({ XDG_CACHE_HOME: 'relative', HOME: '/home/u' })).toMatch(
    /^\/home\/u\/(\.cache|Library\/Caches)\/cert-tasks$/,
  );
  expect(userCacheDirectory({ HOME: '/' })).toBeUndefined();
});

async function find(options: Partial<Parameters<typeof findNats>[0]>): ReturnType<typeof findNats> {
  return await findNats({
    env: {},
    cacheDirectory: join(home, 'cache'),
    notify: (line) => notices.push(line),
    systemFolders: [],
    sources: [],
    ...options,
  });
}

/** A stand-in that says its version as nats-server does. */
function program(folder: string, version: string): string {
  mkdirSync(join(home, folder), { recursive: true });
  const path = join(home, folder, 'nats-server');
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  chmodSync(path, 0o755);
  return path;
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(`http://127.0.0.1:${address.port}`);
    });
  });
}
