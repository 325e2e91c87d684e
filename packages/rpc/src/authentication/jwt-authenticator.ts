import { hash } from 'node:crypto';
import type { Clock } from '@cert-tasks/kernel';
import type { Logger } from '@cert-tasks/telemetry';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { isRole, type Role } from '../authorization/roles.ts';
import type { Authenticate } from './authenticate.ts';
import { AuthenticationError } from './authentication-error.ts';
import { type JwksLocation, jwksSource, type KeySet } from './jwks-source.ts';
import type { UserPrincipal } from './principal.ts';

/** Options of {@link jwtAuthenticator}. */
export interface JwtAuthenticatorOptions {
  /** What `iss` must be. */
  readonly issuer: string;
  /** What `aud` must hold. */
  readonly audience: string;
  readonly jwks: JwksLocation;
  readonly clock: Clock;
  /** Told when keys cannot be read again. */
  readonly log?: Logger;
}

/** Asymmetric only: with a symmetric algorithm, whoever can check a token could make one. */
const ALGORITHMS = ['EdDSA', 'ES256'];
const TOLERANCE_SECONDS = 60;
const MAX_LIFETIME_SECONDS = 24 * 3_600;
const MAX_TOKEN_LENGTH = 8_192;
const MAX_PROJECTS = 256;

/** A verified token is taken at its word this long at most, so that a key taken out of the JWKS stops soon. */
const CACHE_MS = 30_000;
const CACHE_SIZE = 10_000;

const SUBJECT = /^[\x21-\x7e]{1,256}$/;
const PROJECT = /^(?:\*|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/;
const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;

interface Verified {
  readonly principal: UserPrincipal;
  readonly keys: KeySet;
  readonly untilMs: number;
}

/**
 * Knows people and outside services by a signed token (RFC 7519) in `authorization: Bearer`.
 *
 * Claims: `iss`, `aud`, `sub`; `exp`, at most 24 hours from now, and after `iat` where there is one; `nbf` where there is one, each with a
 * tolerance of 60 s; `kind`: user, admin or service_acc; `roles`: by project, or `*`, a list of roles. A role that is not
 * known grants nothing.
 *
 * @throws TypeError when the JWKS URL is neither https nor loopback.
 */
export function jwtAuthenticator(options: JwtAuthenticatorOptions): Authenticate {
  const { clock } = options;
  const source = jwksSource(options.jwks, { clock, log: options.log });
  /** By the token's hash; a process's memory is no place for credentials. In order of insertion, oldest first. */
  const cache = new Map<string, Verified>();

  return async ({ authorization }) => {
    const token = bearerToken(authorization);
    const keys = await source();
    const nowMs = clock.now().getTime();
    const key = hash('sha256', token, 'base64');
    const known = cache.get(key);
    if (known !== undefined && known.keys === keys && nowMs < known.untilMs) return known.principal;

    const payload = await verify(token, { ...options, keys });
    const principal = principalOf(payload, nowMs);
    const expiresMs = ((payload.exp ?? 0) + TOLERANCE_SECONDS) * 1_000;
    cache.delete(key);
    if (cache.size >= CACHE_SIZE) {
      const oldest = cache.keys().next();
      if (oldest.done !== true) cache.delete(oldest.value);
    }
    cache.set(key, { principal, keys, untilMs: Math.min(expiresMs, nowMs + CACHE_MS) });
    return principal;
  };
}

function bearerToken(authorization: string | undefined): string {
  if (authorization === undefined || authorization === '') {
    throw new AuthenticationError('token-missing', 'Send a token: "authorization: Bearer <token>".');
  }
  const [, token] = authorization.length > MAX_TOKEN_LENGTH ? [] : (BEARER.exec(authorization) ?? []);
  if (token === undefined) {
    throw new AuthenticationError(
      'token-rejected',
      `The authorization header must be "Bearer" and a signed token of at most ${MAX_TOKEN_LENGTH} characters.`,
    );
  }
  return token;
}

async function verify(
  token: string,
  { keys, issuer, audience, clock }: JwtAuthenticatorOptions & { keys: KeySet },
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys.getKey, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      clockTolerance: TOLERANCE_SECONDS,
      requiredClaims: ['exp', 'sub'],
      currentDate: clock.now(),
    });
    return payload;
  } catch (error) {
    // What jose throws holds the claims, so it is told in our own words and not kept as a cause.
    if (error instanceof errors.JWTExpired) {
      throw new AuthenticationError('token-expired', 'The token has expired. Get a new one.');
    }
    if (error instanceof errors.JWTClaimValidationFailed)
      throw rejected(`its claim ${claimName(error.claim)} does not hold`);
    throw rejected('its signature does not hold, or its key or algorithm is not accepted');
  }
}

function principalOf(payload: JWTPayload, nowMs: number): UserPrincipal {
  const nowSeconds = nowMs / 1_000;
  const { exp = 0, iat = nowSeconds, sub, kind, roles } = payload;
  if (iat > nowSeconds + TOLERANCE_SECONDS) throw rejected('its claim iat is in the future');
  if (exp - iat > MAX_LIFETIME_SECONDS || exp - nowSeconds > MAX_LIFETIME_SECONDS + TOLERANCE_SECONDS) {
    throw rejected('it is valid for more than 24 hours');
  }
  if (sub === undefined || !SUBJECT.test(sub)) throw rejected('its claim sub must be 1 to 256 printable characters');
  if (kind !== 'user' && kind !== 'admin' && kind !== 'service_acc') {
    throw rejected('its claim kind must be user, admin or service_acc');
  }
  return { kind, id: sub, roles: rolesOf(roles) };
}

function rolesOf(claim: unknown): ReadonlyMap<string, ReadonlySet<Role>> {
  if (typeof claim !== 'object' || claim === null || Array.isArray(claim)) {
    throw rejected('its claim roles must be an object of lists');
  }
  const entries = Object.entries(claim);
  if (entries.length > MAX_PROJECTS) throw rejected(`its claim roles names more than ${MAX_PROJECTS} projects`);
  return new Map(
    entries.map(([project, names]: [string, unknown]) => {
      if (!PROJECT.test(project) || !Array.isArray(names)) throw rejected('its claim roles must list roles by project');
      const roles = names.filter((name: unknown): name is Role => typeof name === 'string' && isRole(name));
      return [project, new Set(roles)];
    }),
  );
}

function rejected(why: string): AuthenticationError {
  return new AuthenticationError('token-rejected', `The token is not accepted: ${why}.`);
}

/** The claims that are checked are few; whatever else the name is, it does not go into a message. */
function claimName(claim: string): string {
  return ['iss', 'aud', 'exp', 'nbf', 'iat', 'sub'].includes(claim) ? claim : 'set';
}
