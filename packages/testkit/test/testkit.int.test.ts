import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type PeerCertificate, connect as tlsConnect } from 'node:tls';
import { freePort } from '@cert-tasks/stack';
import { createLocalJWKSet, jwtVerify } from 'jose';
import postgres from 'postgres';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  createTestDatabase,
  createTestDatabases,
  sharedTestNats,
  spawnService,
  startTestNats,
  testTokens,
  testTransportPki,
  waitFor,
} from '../src/index.ts';

const query = async (url: string, statement: string): Promise<unknown> => {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return [...(await sql.unsafe(statement))];
  } finally {
    await sql.end();
  }
};

describe('createTestDatabase', () => {
  it('gives each caller a database of its own, with two roles', async () => {
    const [one, two] = await Promise.all([
      createTestDatabase({ service: 'cert' }),
      createTestDatabase({ service: 'cert' }),
    ]);
    await query(one.ownerUrl, 'create table cert.t (i int)');
    expect(await query(two.adminUrl, "select to_regclass('cert.t')::text as t")).toEqual([{ t: null }]);
    expect(await query(one.appUrl, 'select current_user::text as me')).toEqual([{ me: 'cert_app' }]);
    await expect(query(one.appUrl, 'create table cert.u (i int)')).rejects.toMatchObject({ code: '42501' });
    await expect(query(one.appUrl, 'select * from cert.t')).rejects.toMatchObject({ code: '42501' });
    // Also while somebody is connected.
    const open = postgres(one.appUrl, { max: 1 });
    await open`select 1`;
    await one.drop();
    await open.end({ timeout: 1 });
    await two.drop();
    await expect(query(one.adminUrl, 'select 1')).rejects.toMatchObject({ code: '3D000' });
  });

  it('has the schemas of all services, each for itself', async () => {
    const { services, drop } = await createTestDatabases();
    expect(Object.keys(services)).toEqual(['cert', 'signer', 'task', 'audit']);
    await query(services.signer.ownerUrl, 'create table signer.secret (i int)');
    await expect(query(services.cert.ownerUrl, 'select * from signer.secret')).rejects.toMatchObject({ code: '42501' });
    await drop();
  });
});

describe('NATS', () => {
  const greeting = async (url: string): Promise<string> => {
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(url);
    return await new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once('error', reject);
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString());
      });
    });
  };

  it('is there for all tests', async () => {
    expect(await greeting(sharedTestNats().url)).toMatch(/^INFO .*"jetstream":true/);
  });

  it('can be stopped, killed and wiped where it is a test’s own', async () => {
    const nats = await startTestNats();
    const { url } = nats;
    expect(url).not.toBe(inject('certTasksNats').url);
    for (const fault of ['stop', 'kill', 'wipe'] as const) {
      await nats[fault]();
      await expect(greeting(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
      await nats.start();
      expect(nats.url).toBe(url);
      expect(await greeting(url)).toMatch(/^INFO /);
    }
    await nats[Symbol.asyncDispose]();
  });
});

describe('testTransportPki', () => {
  it('makes certificates that node:tls takes for both ends', async () => {
    const pki = testTransportPki();
    const [server, client] = [pki.service('cert'), pki.service('audit')];
    const seen = Promise.withResolvers<PeerCertificate>();
    const listener = createServer(
      { cert: server.certPem, key: server.keyPem, ca: pki.caPem, requestCert: true, rejectUnauthorized: true },
      (socket) => {
        seen.resolve(socket.getPeerCertificate());
        socket.end();
      },
    );
    const port = await freePort();
    await new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
    const socket = tlsConnect({ host: '127.0.0.1', port, cert: client.certPem, key: client.keyPem, ca: pki.caPem });
    await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    expect(socket.authorized).toBe(true);
    expect((await seen.promise).subjectaltname).toContain('URI:certtasks://service/audit');
    socket.destroy();
    listener.close();
  });

  it('makes certificates that another CA’s clients refuse, and expired ones', () => {
    const [pki, other] = [testTransportPki(), testTransportPki()];
    const leaf = new X509Certificate(pki.service('cert').certPem);
    expect(leaf.verify(new X509Certificate(pki.caPem).publicKey)).toBe(true);
    expect(leaf.verify(new X509Certificate(other.caPem).publicKey)).toBe(false);
    const validity = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2020-01-02T00:00:00Z') };
    const expired = new X509Certificate(pki.issue([{ kind: 'dns', value: 'x' }], validity).certPem);
    expect(expired.validToDate).toEqual(validity.notAfter);
  });
});

describe('testTokens', () => {
  it('mints tokens that its keys verify', async () => {
    const { issuer, audience, jwks, mint } = await testTokens();
    const keys = createLocalJWKSet(jwks);
    const token = await mint({ sub: 'ann', kind: 'user', roles: { acme: ['operator'] } });
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience });
    expect(protectedHeader.alg).toBe('EdDSA');
    expect(payload).toMatchObject({ sub: 'ann', kind: 'user', roles: { acme: ['operator'] } });
    const expired = await mint({ sub: 'ann', kind: 'user', roles: {}, expiresInSeconds: -120 });
    await expect(jwtVerify(expired, keys)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
    const { jwks: foreign } = await testTokens();
    await expect(jwtVerify(token, createLocalJWKSet(foreign))).rejects.toThrow();
  });
});

describe('spawnService', () => {
  const PROGRAM = `import { createServer } from 'node:http';
    process.stdin.resume().on('end', () => process.exit(0));
    process.on('SIGTERM', () => process.exit(0));
    createServer((req, res) => res.end(process.env.GREETING)).listen(Number(process.env.PORT), '127.0.0.1');`;

  const program = async (text: string): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'testkit-program-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    await writeFile(join(directory, 'program.mjs'), text);
    return join(directory, 'program.mjs');
  };

  it('runs a program until it is disposed of', async () => {
    const port = await freePort();
    const entry = await program(PROGRAM);
    const env = { PORT: String(port), GREETING: 'hello' };
    const service = await spawnService({ service: 'cert', env, opsPort: port, entry });
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('hello');
    service.process.kill('SIGKILL');
    expect(await service.process.exited).toMatchObject({ signal: 'SIGKILL' });
    await service.process.start();
    await service[Symbol.asyncDispose]();
    await waitFor(
      () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => false,
          () => true,
        ),
      { what: 'the end of the process' },
    );
  });

  it('says why a program did not start', async () => {
    const port = await freePort();
    const entry = await program('console.log("no settings"); process.exit(3);');
    await expect(spawnService({ service: 'cert', env: {}, opsPort: port, entry })).rejects.toMatchObject({
      code: 'start-failed',
      message: expect.stringContaining('no settings'),
    });
  });
});
