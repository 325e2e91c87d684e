import type { RandomBytes } from '@cert-tasks/kernel';
import type { Service } from '@cert-tasks/lifecycle';
import type { KeyEncryptionKeySource } from '../kek/key-encryption-key-source.ts';
import type { DataKeyIdentity, KeyWrapper, WrappedDataKey } from './key-wrapper.ts';
import { LocalKeyWrapper } from './local-key-wrapper.ts';
import type { SecretBytes } from './secret-bytes.ts';

/** Options of {@link SourcedKeyWrapper}. */
export interface SourcedKeyWrapperOptions {
  readonly source: KeyEncryptionKeySource;
  readonly randomBytes: RandomBytes;
}

/** A wrapper whose key-encryption key is fetched from its source at start, held while it runs and wiped at stop. */
export class SourcedKeyWrapper implements KeyWrapper, Service {
  readonly name = 'key-encryption';
  readonly #options: SourcedKeyWrapperOptions;
  #loaded: { readonly kek: SecretBytes; readonly wrapper: LocalKeyWrapper } | undefined;

  constructor(options: SourcedKeyWrapperOptions) {
    this.#options = options;
  }

  /** @throws SignerError (as rejection) `key-encryption-key-invalid`. */
  async start(): Promise<void> {
    if (this.#loaded !== undefined) return;
    const kek = await this.#options.source.read();
    this.#loaded = { kek, wrapper: new LocalKeyWrapper(kek, this.#options.randomBytes) };
  }

  async stop(): Promise<void> {
    this.#loaded?.kek.wipe();
    this.#loaded = undefined;
  }

  has(kekId: string): boolean {
    return this.#wrapper.has(kekId);
  }

  async wrap(dataKey: SecretBytes, identity: DataKeyIdentity): Promise<WrappedDataKey> {
    return this.#wrapper.wrap(dataKey, identity);
  }

  async unwrap(wrapped: WrappedDataKey, identity: DataKeyIdentity): Promise<SecretBytes> {
    return this.#wrapper.unwrap(wrapped, identity);
  }

  get #wrapper(): LocalKeyWrapper {
    if (this.#loaded === undefined) throw new Error('The key-encryption key is not loaded: the service does not run.');
    return this.#loaded.wrapper;
  }
}
