import { SignerError } from '../domain/errors.ts';
import type { KeyBackend } from './ports/key-backend.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/**
 * Asks, before anything is served, whether the stored keys can be opened with the key-encryption key that was given. It
 * reads ids only and changes nothing.
 *
 * @throws SignerError `key-encryption-key-missing` naming the ids of those that are missing.
 */
export async function verifyKeyEncryption(work: UnitOfWork, backend: KeyBackend): Promise<void> {
  const stored = await work.read('key-encryption-key-ids', ({ keys }) => keys.keyEncryptionKeyIds());
  const missing = stored.filter((kekId) => !backend.hasKeyEncryptionKey(kekId));
  if (missing.length === 0) return;
  const ids = missing.toSorted().join(', ');
  throw new SignerError(
    'key-encryption-key-missing',
    `Stored keys are sealed under the key-encryption key ${ids}, which is not the one given. Set SIGNER_KEK or SIGNER_KEK_FILE to that key; nothing was changed.`,
    { metadata: { kek_ids: ids } },
  );
}
