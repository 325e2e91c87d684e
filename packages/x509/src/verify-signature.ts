import { constants, verify } from 'node:crypto';
import { assertStrongKey, type PublicKeyInfo, parsePublicKey } from './public-key.ts';
import { digestOf, type SignatureAlgorithm } from './signature-algorithm.ts';
import { X509Error } from './x509-error.ts';

/** Longest signature looked at: ML-DSA-87 has 4627 octets. */
const MAX_SIGNATURE_OCTETS = 8192;

/** One signature to be checked. */
export interface SignatureInput {
  /** The signer's key, parsed or as SubjectPublicKeyInfo DER. Give a parsed one when checking several signatures. */
  readonly publicKey: PublicKeyInfo | Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  /** The signed octets. */
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Checks a signature. ECDSA signatures are DER (RFC 3279 section 2.2.3).
 * @returns false where the signature does not match, is malformed, or is of another algorithm than the key's.
 * @throws X509Error `weak-key`, `invalid-key` or `unsupported-algorithm` where the key cannot be used at all.
 */
export function verifySignature(input: SignatureInput): boolean {
  const key = input.publicKey instanceof Uint8Array ? parsePublicKey(input.publicKey) : input.publicKey;
  assertStrongKey(key, 'verify');
  if (!isKeyFor(key, input.algorithm) || input.signature.length > MAX_SIGNATURE_OCTETS) return false;
  const digest = digestOf(input.algorithm);
  const keyObject = key.keyObject();
  try {
    if (input.algorithm.startsWith('rsa-pss-')) {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const options = { key: keyObject, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
      return verify(digest, input.data, options, input.signature);
    }
    return verify(digest ?? null, input.data, keyObject, input.signature);
  } catch (cause) {
    throw new X509Error('unsupported-algorithm', `This runtime cannot check ${input.algorithm} signatures`, { cause });
  }
}

/**
 * True when a key can make signatures of an algorithm. ECDSA takes any of the digests with either curve when verifying:
 * tools in wide use sign with P-384 and SHA-256.
 */
export function isKeyFor(key: PublicKeyInfo, algorithm: SignatureAlgorithm): boolean {
  const { details } = key;
  switch (details.kind) {
    case 'rsa':
      return algorithm.startsWith('rsa-');
    case 'rsa-pss':
      return algorithm.startsWith('rsa-pss-') && (details.algorithm === undefined || details.algorithm === algorithm);
    case 'ec':
      return algorithm.startsWith('ecdsa-');
    case 'unknown':
      return false;
    default:
      return details.kind === algorithm;
  }
}

/**
 * The algorithm that this platform signs with for a key: P-256 with SHA-256, P-384 with SHA-384, RSA PKCS#1 v1.5 with
 * SHA-256, the key's own for the rest.
 * @throws X509Error `weak-key` or `unsupported-algorithm` for a key that must not sign.
 */
export function signingAlgorithmFor(key: PublicKeyInfo): SignatureAlgorithm {
  assertStrongKey(key, 'sign');
  const { details } = key;
  switch (details.kind) {
    case 'ec':
      return details.curve === 'P-256' ? 'ecdsa-sha256' : 'ecdsa-sha384';
    case 'rsa':
      return 'rsa-sha256';
    case 'rsa-pss':
      return details.algorithm ?? 'rsa-pss-sha256';
    case 'unknown':
      throw new X509Error('unsupported-algorithm', `Keys of algorithm ${details.algorithm} cannot sign`);
    default:
      return details.kind;
  }
}

/**
 * Refuses a signature algorithm that this platform must not sign with for a key: another one than the key's, or ECDSA
 * with a digest that does not fit its curve (P-256 with SHA-256, P-384 with SHA-384).
 * @throws X509Error `weak-key` or `unsupported-algorithm`.
 */
export function assertSigningAlgorithm(key: PublicKeyInfo, algorithm: SignatureAlgorithm): void {
  const preferred = signingAlgorithmFor(key);
  const fits = key.details.kind === 'ec' ? algorithm === preferred : isKeyFor(key, algorithm);
  if (!fits)
    throw new X509Error('unsupported-algorithm', `${algorithm} must not be used with this key; use ${preferred}`);
}
