import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { NoteSigner } from '../src/signed-checkpoint.ts';

// PrivateKeyInfo of an Ed25519 key up to the seed itself. RFC 8410, section 7.
const ED25519_PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A signer whose key is the given seed of RFC 8032, 32 bytes. */
export function testSigner(name: string, { seed }: { readonly seed: Uint8Array }): NoteSigner {
  const key = createPrivateKey({ key: Buffer.concat([ED25519_PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return { name, publicKey: Uint8Array.from(spki.subarray(-32)), sign: (message) => sign(null, message, key) };
}
