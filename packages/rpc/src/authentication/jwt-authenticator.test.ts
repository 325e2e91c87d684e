import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Authenticate } from './authenticate.ts';
import { jwtAuthenticator } from './jwt-authenticator.ts';

const NOW_MS = Date.parse('2030-01-01T00:00:00Z');
const NOW = NOW_MS / 1_000;

interface Key {
  readonly alg: string;
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
}

async function newKey(alg: 'EdDSA' | 'ES256' | 'ES384', kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { alg, jwk: { ...(await exportJWK(publicKey)), kid }, privateKey };
}

function tokenOf({ alg, jwk, privateKey }: Key, claims: Record<string, unknown> = {}): Promise<string> {
  const payload = {
    iss: 'i',
    aud: 'a',
    sub: 'alice',
    kind: 'user',
    exp: NOW + 3_600,
    roles: { p1: ['viewer', 'wizard'] },
    ...claims,
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg, ...(jwk.kid !== undefined && { kid: jwk.kid }) })
    .sign(privateKey);
}

describe('jwtAuthenticator', () => {
  let directory: string;
  let file: string;
  let nowMs: number;
  let authenticate: Authenticate;
  const clock = { now: () => new Date(nowMs) };
  const write = (...keys: Key[]): Promise<void> =>
    writeFile(file, JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
  const ask = async (token: string) =>
    authenticate({ authorization: `Bearer ${token}`, peerSubjectAltName: undefined });
  /** The error has that code, and no cause: what jose throws holds the claims. */
  const refused = (code: string) => expect.toSatisfy((error) => error.code === code && error.cause === undefined);

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'certtasks-jwt-'));
    file = join(directory, 'jwks.json');
    nowMs = NOW_MS;
    authenticate = jwtAuthenticator({ issuer: 'i', audience: 'a', jwks: { file }, clock });
  });
  afterEach(() => rm(directory, { recursive: true }));

  it.each(['EdDSA', 'ES256'] as const)(
    'knows the bearer of a token signed with %s, and the roles that exist',
    async (alg) => {
      const key = await newKey(alg, 'k');
      await write(key);
      const principal = await ask(await tokenOf(key, { roles: { p1: ['viewer', 'wizard'], '*': ['auditor'] } }));
      expect(principal).toEqual({
        kind: 'user',
        id: 'alice',
        roles: new Map([
          ['p1', new Set(['viewer'])],
          ['*', new Set(['auditor'])],
        ]),
      });
    },
  );

  it('refuses another algorithm and another key', async () => {
    const [known, other, strong] = [await newKey('ES256', 'k'), await newKey('ES256', 'k'), await newKey('ES384', 'k')];
    await write(known);
    await expect(ask(await tokenOf(other))).rejects.toEqual(refused('token-rejected'));
    await write(strong);
    await expect(ask(await tokenOf(strong))).rejects.toEqual(refused('token-rejected'));
  });

  it('tolerates a minute of difference between clocks, and no more', async () => {
    const key = await newKey('EdDSA', 'k');
    await write(key);
    await ask(await tokenOf(key, { exp: NOW - 55 }));
    await expect(ask(await tokenOf(key, { exp: NOW - 65 }))).rejects.toEqual(refused('token-expired'));
    await ask(await tokenOf(key, { nbf: NOW + 55 }));
    await expect(ask(await tokenOf(key, { nbf: NOW + 65 }))).rejects.toEqual(refused('token-rejected'));
    await ask(await tokenOf(key, { iat: NOW + 55 }));
    await expect(ask(await tokenOf(key, { iat: NOW + 65 }))).rejects.toEqual(refused('token-rejected'));
    await ask(await tokenOf(key, { exp: NOW + 24 * 3_600 }));
    await expect(ask(await tokenOf(key, { exp: NOW + 24 * 3_600 + 65 }))).rejects.toEqual(refused('token-rejected'));
    await expect(ask(await tokenOf(key, { iat: NOW - 24 * 3_600, exp: NOW + 10 }))).rejects.toEqual(
      refused('token-rejected'),
    );
  });

  it('does not take a token at its word after its end, or after its key has gone', async () => {
    const key = await newKey('EdDSA', 'k');
    await write(key);
    const short = await tokenOf(key, { exp: NOW - 50 });
    await ask(short);
    nowMs += 11_000;
    await expect(ask(short)).rejects.toEqual(refused('token-expired'));
    const long = await tokenOf(key);
    await ask(long);
    await write(await newKey('EdDSA', 'k'));
    nowMs += 4_000;
    await expect(ask(long)).rejects.toEqual(refused('token-rejected'));
  });

  it.each<[string, Record<string, unknown>]>([
    ['no subject', { sub: '' }],
    ['a subject with a line break', { sub: 'a\nb' }],
    ['a long subject', { sub: 'a'.repeat(257) }],
    ['no kind', { kind: undefined }],
    ['no roles', { roles: undefined }],
    ['roles of no list', { roles: { p1: 'admin' } }],
    ['roles in no project', { roles: { 'P/1': ['admin'] } }],
    ['roles in all projects by "-"', { roles: { '-': ['admin'] } }],
    ['roles in too many projects', { roles: Object.fromEntries(Array.from({ length: 257 }, (_, n) => [`p${n}`, []])) }],
  ])('refuses a token with %s', async (_what, claims) => {
    const key = await newKey('EdDSA', 'k');
    await write(key);
    await expect(ask(await tokenOf(key, claims))).rejects.toEqual(refused('token-rejected'));
  });

  it.each(['Basic abc', 'Bearer', 'Bearer a.b', 'Bearer a.b.c.d', 'Bearer a.b. c', `Bearer ${'a'.repeat(9_000)}.b.c`])(
    'refuses the header %s',
    async (authorization) => {
      await write();
      await expect((async () => authenticate({ authorization, peerSubjectAltName: undefined }))()).rejects.toEqual(
        refused('token-rejected'),
      );
    },
  );

  it('reads keys from a URL', async () => {
    const key = await newKey('EdDSA', 'k');
    let body = JSON.stringify({ keys: [key.jwk] });
    const server: Server = createServer((_request, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const jwks = { url: `http://127.0.0.1:${port}/jwks` };
    authenticate = jwtAuthenticator({ issuer: 'i', audience: 'a', jwks, clock });
    expect(await ask(await tokenOf(key))).toMatchObject({ id: 'alice' });
    authenticate = jwtAuthenticator({ issuer: 'i', audience: 'a', jwks, clock });
    body = ' '.repeat(300_000);
    await expect(ask(await tokenOf(key))).rejects.toEqual(expect.objectContaining({ code: 'keys-unavailable' }));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
