import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose';

/** What a test's token says. */
export interface TestTokenClaims {
  /** The subject. */
  readonly sub: string;
  readonly kind: 'user' | 'admin' | 'service_acc';
  /** Roles by project, or `*`. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** Seconds from now; 600 by default. Negative makes an expired token. */
  readonly expiresInSeconds?: number;
  /** Claims that replace those made here, for tokens that must be refused. */
  readonly override?: JWTPayload;
}

/** An issuer of tokens of a test's own. */
export interface TestTokens {
  readonly issuer: string;
  readonly audience: string;
  /** The public keys, for a file or a server. */
  readonly jwks: JSONWebKeySet;
  /** A token signed with EdDSA (Ed25519). */
  mint(claims: TestTokenClaims): Promise<string>;
}

/** Makes an issuer with a fresh key. */
export async function testTokens({
  issuer = 'https://issuer.test',
  audience = 'cert-tasks',
}: {
  issuer?: string;
  audience?: string;
} = {}): Promise<TestTokens> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const kid = 'test-key';
  return {
    issuer,
    audience,
    jwks: { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' }] },
    mint({ sub, kind, roles, expiresInSeconds = 600, override }) {
      const now = Math.floor(Date.now() / 1_000);
      const iat = Math.min(now, now + expiresInSeconds);
      const payload = { iss: issuer, aud: audience, sub, kind, roles, iat, exp: now + expiresInSeconds, ...override };
      return new SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey);
    },
  };
}
