import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../home.ts';

/** The `iss` of development tokens. */
export const TOKEN_ISSUER = 'cert-tasks-development';

/** The `aud` of development tokens. */
export const TOKEN_AUDIENCE = 'cert-tasks';

/** What a token says. */
export interface TokenClaims {
  /** Who: 1 to 256 characters. */
  readonly subject: string;
  readonly kind: 'user' | 'admin' | 'service_acc';
  /** Roles by project, or for all projects under `*`. */
  readonly roles: Readonly<Record<string, readonly ('viewer' | 'operator' | 'admin' | 'auditor')[]>>;
  /** Seconds until it expires, at most 24 hours. */
  readonly lifetimeSeconds: number;
}

/**
 * The development platform's token issuer: an Ed25519 key that stays in its folder, and the public key set that the services read.
 * Production uses an issuer of its own.
 */
export class TokenIssuer {
  /** The file of the public key set (RFC 7517). */
  readonly jwksFile: string;
  readonly #key: KeyObject;
  readonly #keyId: string;

  private constructor(options: { jwksFile: string; key: KeyObject; keyId: string }) {
    this.jwksFile = options.jwksFile;
    this.#key = options.key;
    this.#keyId = options.keyId;
  }

  /** Makes the key when it is missing. @throws the file system's error. */
  static async open(directory: string): Promise<TokenIssuer> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const key = await openKey(join(directory, 'issuer.key'));
    const { kty, crv, x } = createPublicKey(key).export({ format: 'jwk' });
    const keyId = createHash('sha256').update(String(x)).digest('hex').slice(0, 16);
    const jwksFile = join(directory, 'jwks.json');
    const jwks = { keys: [{ kty, crv, x, alg: 'EdDSA', use: 'sig', kid: keyId }] };
    await writeFileAtomic({ path: jwksFile, content: `${JSON.stringify(jwks, undefined, 2)}\n`, mode: 0o644 });
    return new TokenIssuer({ jwksFile, key, keyId });
  }

  /** A JWT (RFC 7519) signed with EdDSA. */
  mint(claims: TokenClaims, now: Date): string {
    const issuedAt = Math.floor(now.getTime() / 1000);
    const header = { alg: 'EdDSA', typ: 'JWT', kid: this.#keyId };
    const payload = {
      iss: TOKEN_ISSUER,
      aud: TOKEN_AUDIENCE,
      sub: claims.subject,
      kind: claims.kind,
      roles: claims.roles,
      iat: issuedAt,
      nbf: issuedAt,
      exp: issuedAt + claims.lifetimeSeconds,
      jti: randomUUID(),
    };
    const signed = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${sign(null, Buffer.from(signed), this.#key).toString('base64url')}`;
  }
}

async function openKey(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFileAtomic({ path, content: privateKey.export({ format: 'pem', type: 'pkcs8' }), mode: 0o600 });
  return privateKey;
}
