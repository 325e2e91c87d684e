import type { KeyAlgorithm } from '../../domain/authority.ts';

/** Makes keys in signer. */
export interface KeyRegistry {
  /**
   * Makes an authority's key, or answers with the one made before under the same request id.
   * @throws CertError `signer-unavailable`, `key-unavailable`.
   */
  createAuthorityKey(order: {
    readonly project: string;
    readonly keyId: string;
    readonly algorithm: KeyAlgorithm;
    /** DER Name: the only issuer that the key signs for. */
    readonly issuerName: Uint8Array;
    readonly maxValidityMs: number;
    readonly maySignAuthorities: boolean;
    readonly requestId: string;
  }): Promise<{ readonly keyName: string; readonly spki: Uint8Array }>;
}
