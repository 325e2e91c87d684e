import type { Secret } from '@cert-tasks/config';
import type { SecretBytes } from '../software/secret-bytes.ts';
import type { KeyEncryptionKeySource } from './key-encryption-key-source.ts';
import { parseKeyText } from './key-text.ts';

/** The key-encryption key from the variable SIGNER_KEK: for development, since environments are easily seen. */
export class EnvironmentKeySource implements KeyEncryptionKeySource {
  readonly description = 'SIGNER_KEK';
  readonly #text: Secret;

  constructor(text: Secret) {
    this.#text = text;
  }

  async read(): Promise<SecretBytes> {
    return parseKeyText(this.#text.reveal(), this.description);
  }
}
