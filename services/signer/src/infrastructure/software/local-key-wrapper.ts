import { createHash } from 'node:crypto';
import { bytesToHex, type RandomBytes } from '@cert-tasks/kernel';
import { SignerError } from '../../domain/errors.ts';
import type { DataKeyIdentity, KeyWrapper, WrappedDataKey } from './key-wrapper.ts';
import { associatedData, SEALING_KEY_BYTES, seal, unseal } from './sealing.ts';
import type { SecretBytes } from './secret-bytes.ts';

const KEK_ID_DIGITS = 16;

/** Wraps data keys with a key-encryption key that is held in memory for as long as the process lives. */
export class LocalKeyWrapper implements KeyWrapper {
  /** First 16 hex digits of SHA-256("cert-tasks/kek-id/v1" || KEK): it names the key and tells nothing of it. */
  readonly kekId: string;
  readonly #kek: SecretBytes;
  readonly #randomBytes: RandomBytes;

  /** @throws SignerError `key-encryption-key-invalid` for a key of another length than 32 bytes. */
  constructor(kek: SecretBytes, randomBytes: RandomBytes) {
    if (kek.length !== SEALING_KEY_BYTES) {
      throw new SignerError('key-encryption-key-invalid', `A key-encryption key has ${SEALING_KEY_BYTES} bytes.`);
    }
    this.#kek = kek;
    this.#randomBytes = randomBytes;
    this.kekId = kek.expose((bytes) =>
      bytesToHex(createHash('sha256').update('cert-tasks/kek-id/v1').update(bytes).digest()).slice(0, KEK_ID_DIGITS),
    );
  }

  has(kekId: string): boolean {
    return kekId === this.kekId;
  }

  async wrap(dataKey: SecretBytes, identity: DataKeyIdentity): Promise<WrappedDataKey> {
    const wrapped = seal({
      key: this.#kek,
      plain: dataKey,
      associatedData: bindingOf(this.kekId, identity),
      randomBytes: this.#randomBytes,
    });
    return { wrapped, kekId: this.kekId };
  }

  async unwrap({ wrapped, kekId }: WrappedDataKey, identity: DataKeyIdentity): Promise<SecretBytes> {
    if (!this.has(kekId)) {
      throw new SignerError(
        'key-encryption-key-missing',
        `The key is sealed under another key-encryption key, ${kekId}.`,
        {
          metadata: { kek_ids: kekId },
        },
      );
    }
    const dataKey = unseal({ key: this.#kek, sealed: wrapped, associatedData: bindingOf(kekId, identity) });
    if (dataKey === undefined) {
      throw new SignerError(
        'sealed-key-corrupt',
        'The data key of this key does not open: its row was changed or moved. Restore the row from a backup.',
        { metadata: { uid: identity.keyId } },
      );
    }
    return dataKey;
  }
}

function bindingOf(kekId: string, { keyId, version }: DataKeyIdentity): Uint8Array {
  return associatedData(['cert-tasks/data-key/v1', kekId, keyId, String(version)]);
}
