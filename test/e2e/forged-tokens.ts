import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TokenIssuer } from '@cert-tasks/stack';

const HOUR_MS = 60 * 60 * 1000;

/** A token that must not be taken, and the reason that its bearer is told. */
export interface ForgedToken {
  readonly what: string;
  readonly reason: 'TOKEN_EXPIRED' | 'TOKEN_REJECTED';
  readonly token: string;
}

/** Tokens that grant everything, were they genuine. */
export function forgedTokens(issuer: TokenIssuer): readonly ForgedToken[] {
  const claims = {
    subject: 'mallory',
    kind: 'admin',
    roles: { '*': ['admin', 'auditor', 'operator', 'viewer'] },
    lifetimeSeconds: 600,
  } as const;
  const genuine = issuer.mint(claims, new Date());
  const [header = '', payload = '', signature = ''] = genuine.split('.');
  const own = generateKeyPairSync('ed25519').privateKey;
  const signed = (head: string, body: string): string =>
    `${head}.${body}.${sign(null, Buffer.from(`${head}.${body}`), own).toString('base64url')}`;
  // The public key as an HMAC secret: a verifier that lets the token choose its algorithm would take it.
  const publicKeySet = readFileSync(issuer.jwksFile, 'utf8');
  const symmetric = `${encoded({ ...decoded(header), alg: 'HS256' })}.${payload}`;
  return [
    { what: 'of another key', reason: 'TOKEN_REJECTED', token: signed(header, payload) },
    {
      what: 'of another key under another key id',
      reason: 'TOKEN_REJECTED',
      token: signed(encoded({ ...decoded(header), kid: 'f00d' }), payload),
    },
    {
      what: 'expired',
      reason: 'TOKEN_EXPIRED',
      token: issuer.mint(claims, new Date(Date.now() - HOUR_MS)),
    },
    { what: 'of algorithm none', reason: 'TOKEN_REJECTED', token: `${encoded({ alg: 'none' })}.${payload}.` },
    {
      what: 'of algorithm none with a signature',
      reason: 'TOKEN_REJECTED',
      token: `${encoded({ alg: 'none' })}.${payload}.${signature}`,
    },
    {
      what: 'of a symmetric algorithm',
      reason: 'TOKEN_REJECTED',
      token: `${symmetric}.${createHmac('sha256', publicKeySet).update(symmetric).digest('base64url')}`,
    },
    {
      what: 'changed after it was signed',
      reason: 'TOKEN_REJECTED',
      token: `${header}.${encoded({ ...decoded(payload), sub: 'root' })}.${signature}`,
    },
  ];
}

function decoded(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
