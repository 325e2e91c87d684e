import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyAlgorithm } from '../../domain/key-algorithm.ts';
import { SecretBytes } from './secret-bytes.ts';

const generate = promisify(generateKeyPair);

/** A new key pair in its two DER forms. */
export interface KeyPairDer {
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** PKCS#8, in the clear: wipe it. */
  readonly privateKey: SecretBytes;
}

const ENCODING = {
  publicKeyEncoding: { format: 'der', type: 'spki' },
  privateKeyEncoding: { format: 'der', type: 'pkcs8' },
} as const;

/** FIPS 186-5, 5.1: an odd public exponent above 2^16; this one is what everybody expects. */
const PUBLIC_EXPONENT = 65_537;

/** Makes a key pair on Node's thread pool: RSA takes up to seconds there. */
export async function generateKeyPairDer(algorithm: KeyAlgorithm): Promise<KeyPairDer> {
  const { publicKey, privateKey } = await generateEncoded(algorithm);
  return { publicKey: new Uint8Array(publicKey), privateKey: new SecretBytes(privateKey) };
}

function generateEncoded(algorithm: KeyAlgorithm) {
  switch (algorithm) {
    case 'ec-p256':
      return generate('ec', { ...ENCODING, namedCurve: 'P-256' });
    case 'ec-p384':
      return generate('ec', { ...ENCODING, namedCurve: 'P-384' });
    case 'rsa-2048':
      return generate('rsa', { ...ENCODING, modulusLength: 2_048, publicExponent: PUBLIC_EXPONENT });
    case 'rsa-3072':
      return generate('rsa', { ...ENCODING, modulusLength: 3_072, publicExponent: PUBLIC_EXPONENT });
    case 'rsa-4096':
      return generate('rsa', { ...ENCODING, modulusLength: 4_096, publicExponent: PUBLIC_EXPONENT });
    case 'ed25519':
      return generate('ed25519', ENCODING);
  }
}
