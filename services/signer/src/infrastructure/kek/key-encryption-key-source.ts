import type { SecretBytes } from '../software/secret-bytes.ts';

/** A secrets provider that hands out the key-encryption key: a file, the environment, a vault. */
export interface KeyEncryptionKeySource {
  /** Where the key comes from, for messages; never the key. */
  readonly description: string;
  /**
   * The key, 32 bytes.
   *
   * @throws SignerError `key-encryption-key-invalid` saying what is wrong with it, never what it is.
   */
  read(): Promise<SecretBytes>;
}
