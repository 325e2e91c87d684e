import type { SignatureAlgorithm } from '@cert-tasks/x509';

/** A key's algorithm. The texts are stored and are part of what a sealed key is bound to (ADR 2): they never change. */
export type KeyAlgorithm = 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519';

/** All algorithms, weakest need first. */
export const KEY_ALGORITHMS: readonly KeyAlgorithm[] = [
  'ec-p256',
  'ec-p384',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
  'ed25519',
];

const SIGNATURE_ALGORITHM: Readonly<Record<KeyAlgorithm, SignatureAlgorithm>> = {
  'ec-p256': 'ecdsa-sha256',
  'ec-p384': 'ecdsa-sha384',
  'rsa-2048': 'rsa-sha256',
  'rsa-3072': 'rsa-sha256',
  'rsa-4096': 'rsa-sha256',
  ed25519: 'ed25519',
};

/** The one signature algorithm that a key of this algorithm signs with. */
export function signatureAlgorithmOf(algorithm: KeyAlgorithm): SignatureAlgorithm {
  return SIGNATURE_ALGORITHM[algorithm];
}
