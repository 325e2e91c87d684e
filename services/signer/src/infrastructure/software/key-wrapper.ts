import type { SecretBytes } from './secret-bytes.ts';

/** Which data key is wrapped: it MUST NOT unwrap as another's. */
export interface DataKeyIdentity {
  readonly keyId: string;
  readonly version: number;
}

/** A data key as it is stored. */
export interface WrappedDataKey {
  readonly wrapped: Uint8Array;
  /** Names the key-encryption key. */
  readonly kekId: string;
}

/** Wraps data keys with a key-encryption key: one in memory, or a service that keeps it to itself. */
export interface KeyWrapper {
  /** Whether data keys that name this key-encryption key can be unwrapped here. */
  has(kekId: string): boolean;
  wrap(dataKey: SecretBytes, identity: DataKeyIdentity): Promise<WrappedDataKey>;
  /**
   * @throws SignerError `key-encryption-key-missing`; `sealed-key-corrupt` where it was wrapped for another identity or
   * changed since.
   */
  unwrap(wrapped: WrappedDataKey, identity: DataKeyIdentity): Promise<SecretBytes>;
}
