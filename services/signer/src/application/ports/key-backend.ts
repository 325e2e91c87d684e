import type { KeyAlgorithm } from '../../domain/key-algorithm.ts';
import type { KeyPurpose } from '../../domain/key-policy.ts';

/** What a key version's material is bound to: under any other identity it MUST NOT open. */
export interface KeyIdentity {
  readonly keyId: string;
  /** From 1. */
  readonly version: number;
  readonly purpose: KeyPurpose;
  readonly algorithm: KeyAlgorithm;
  /** The policy as canonical JSON (RFC 8785). */
  readonly policy: Uint8Array;
}

/**
 * A key version's private part as it may be stored: sealed, or a token's handle. Opaque to everything but its backend.
 */
export interface KeyMaterial {
  readonly sealed: Uint8Array;
  readonly wrappedDataKey: Uint8Array;
  /** Names the key-encryption key that it needs. */
  readonly kekId: string;
}

/** A new key, already at rest. */
export interface GeneratedKey {
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly material: KeyMaterial;
}

/** Everything that opening needs. */
export interface SealedKey {
  readonly identity: KeyIdentity;
  readonly publicKey: Uint8Array;
  readonly material: KeyMaterial;
}

/** A key that is ready to sign. It MUST show nothing of the key when it is printed or turned into JSON. */
export interface OpenedKey {
  /**
   * The signature over all of `data` with the key's one algorithm, as it stands in a certificate's BIT STRING. It MUST
   * verify under the public key of the {@link SealedKey} and MUST NOT hold up other keys' signatures for long.
   *
   * @throws SignerError `overloaded` when too much waits.
   */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** Where private keys are made and used: software, a PKCS#11 token, a cloud's KMS. */
export interface KeyBackend {
  /** Makes a key. @throws SignerError `overloaded` when too many keys are being made. */
  generate(identity: KeyIdentity): Promise<GeneratedKey>;
  /**
   * Opens a key.
   *
   * @throws SignerError `sealed-key-corrupt` where material and identity do not belong together, unchanged;
   * `key-encryption-key-missing` where the key that it was sealed under is not here.
   */
  open(sealed: SealedKey): Promise<OpenedKey>;
  /** Whether material that names this key-encryption key can be opened here. */
  hasKeyEncryptionKey(kekId: string): boolean;
}
