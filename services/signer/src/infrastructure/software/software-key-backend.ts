import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { bytesEqual, type RandomBytes } from '@cert-tasks/kernel';
import type {
  GeneratedKey,
  KeyBackend,
  KeyIdentity,
  OpenedKey,
  SealedKey,
} from '../../application/ports/key-backend.ts';
import { SignerError } from '../../domain/errors.ts';
import { sha256 } from '../node-sha256.ts';
import { generateKeyPairDer } from './key-generation.ts';
import type { KeyWrapper } from './key-wrapper.ts';
import { associatedData, SEALING_KEY_BYTES, seal, unseal } from './sealing.ts';
import { SecretBytes } from './secret-bytes.ts';
import { SoftwareOpenedKey } from './software-opened-key.ts';
import { WorkGate } from './work-gate.ts';

/** Of the four threads that Node's pool has, one at least stays free for everything else. */
const MAX_POOL_SIGNATURES = Math.min(3, availableParallelism());
const MAX_WAITING_SIGNATURES = 4_096;
const MAX_WAITING_NEW_KEYS = 16;

/** Options of {@link SoftwareKeyBackend}. */
export interface SoftwareKeyBackendOptions {
  readonly wrapper: KeyWrapper;
  readonly randomBytes: RandomBytes;
}

/**
 * Keys made and used by node:crypto. At rest each is sealed with AES-256-GCM under a data key of its own, which is wrapped
 * by the key-encryption key (ADR 2). In the clear a key exists as PKCS#8 for the moment between two forms, and as a
 * KeyObject while it is open.
 */
export class SoftwareKeyBackend implements KeyBackend {
  readonly #wrapper: KeyWrapper;
  readonly #randomBytes: RandomBytes;
  readonly #signatures = new WorkGate({
    what: 'signatures',
    maxRunning: MAX_POOL_SIGNATURES,
    maxWaiting: MAX_WAITING_SIGNATURES,
  });
  readonly #newKeys = new WorkGate({ what: 'new keys', maxRunning: 1, maxWaiting: MAX_WAITING_NEW_KEYS });

  constructor({ wrapper, randomBytes }: SoftwareKeyBackendOptions) {
    this.#wrapper = wrapper;
    this.#randomBytes = randomBytes;
  }

  hasKeyEncryptionKey(kekId: string): boolean {
    return this.#wrapper.has(kekId);
  }

  async generate(identity: KeyIdentity): Promise<GeneratedKey> {
    const { publicKey, privateKey } = await this.#newKeys.run(() => generateKeyPairDer(identity.algorithm));
    const dataKey = new SecretBytes(this.#randomBytes(SEALING_KEY_BYTES));
    try {
      const { wrapped, kekId } = await this.#wrapper.wrap(dataKey, identity);
      const sealed = seal({
        key: dataKey,
        plain: privateKey,
        associatedData: bindingOf(identity, publicKey),
        randomBytes: this.#randomBytes,
      });
      return { publicKey, material: { sealed, wrappedDataKey: wrapped, kekId } };
    } finally {
      dataKey.wipe();
      privateKey.wipe();
    }
  }

  async open({ identity, publicKey, material }: SealedKey): Promise<OpenedKey> {
    const { sealed, wrappedDataKey, kekId } = material;
    const dataKey = await this.#wrapper.unwrap({ wrapped: wrappedDataKey, kekId }, identity);
    const pkcs8 = unseal({ key: dataKey, sealed, associatedData: bindingOf(identity, publicKey) });
    dataKey.wipe();
    if (pkcs8 === undefined) throw corrupt(identity);
    try {
      const key = pkcs8.expose((bytes) => importPrivateKey(bytes));
      if (!bytesEqual(publicKeyOf(key), publicKey)) throw corrupt(identity);
      return new SoftwareOpenedKey({ key, algorithm: identity.algorithm, gate: this.#signatures });
    } finally {
      pkcs8.wipe();
    }
  }
}

function importPrivateKey(pkcs8: Uint8Array): KeyObject {
  return createPrivateKey({
    key: Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength),
    format: 'der',
    type: 'pkcs8',
  });
}

function publicKeyOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ format: 'der', type: 'spki' });
}

/** What a sealed key is bound to (ADR 2): moved to another row, or with its policy edited, it does not open. */
function bindingOf(identity: KeyIdentity, publicKey: Uint8Array): Uint8Array {
  const { keyId, version, purpose, algorithm, policy } = identity;
  return associatedData([
    'cert-tasks/sealed-key/v1',
    keyId,
    String(version),
    purpose,
    algorithm,
    sha256(publicKey),
    sha256(policy),
  ]);
}

function corrupt({ keyId }: KeyIdentity): SignerError {
  return new SignerError(
    'sealed-key-corrupt',
    'The key does not open: its row was changed or moved. Restore the row from a backup.',
    { metadata: { uid: keyId } },
  );
}
