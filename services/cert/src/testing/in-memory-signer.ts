import { createHash, generateKeyPairSync, type KeyObject, sign as signWith } from 'node:crypto';
import { bytesEqual } from '@cert-tasks/kernel';
import type { KeyRegistry } from '../application/ports/key-registry.ts';
import type { Ledger, LedgerEntry } from '../application/ports/ledger.ts';
import type { IntentResolution, SigningBackend, SigningOrder } from '../application/ports/signing-backend.ts';
import type { KeyAlgorithm } from '../domain/authority.ts';
import { CertError } from '../domain/errors.ts';

interface Entry {
  readonly position: bigint;
  readonly order: Omit<SigningOrder, 'tbs'>;
  readonly tbs: Uint8Array | undefined;
  readonly signature: Uint8Array | undefined;
}

/** What becomes of the next orders. `lost`: signed and in the ledger, but the answer does not arrive. */
export type SignerMood = 'well' | 'away' | 'refusing' | 'lost';

/**
 * A signer in memory that keeps signer's promises (docs/adr/0002): one signature for an intent, other bytes refused,
 * voided for good, everything in a ledger.
 * Its keys are real.
 */
export class InMemorySigner implements SigningBackend, KeyRegistry, Ledger {
  mood: SignerMood = 'well';
  readonly #keys = new Map<
    string,
    { readonly privateKey: KeyObject; readonly spki: Uint8Array; readonly digest: string | null }
  >();
  readonly #entries = new Map<string, Entry>();

  async createAuthorityKey(
    order: Parameters<KeyRegistry['createAuthorityKey']>[0],
  ): Promise<{ keyName: string; spki: Uint8Array }> {
    this.#checkMood();
    const keyName = `projects/${order.project}/keys/${order.keyId}`;
    const known = this.#keys.get(keyName);
    if (known !== undefined) return { keyName, spki: known.spki };
    const key = generate(order.algorithm);
    this.#keys.set(keyName, key);
    return { keyName, spki: key.spki };
  }

  async sign(order: SigningOrder): Promise<Uint8Array> {
    this.#checkMood();
    if (this.mood === 'refusing') throw refused('KEY_DISABLED');
    const known = this.#entries.get(order.intentId);
    if (known !== undefined) {
      if (known.signature === undefined) throw refused('INTENT_VOIDED');
      if (!bytesEqual(known.tbs ?? new Uint8Array(), order.tbs)) throw refused('INTENT_CONFLICT');
      return known.signature;
    }
    const key = this.#keys.get(order.keyName);
    if (key === undefined) throw refused('KEY_NOT_FOUND');
    const signature = new Uint8Array(signWith(key.digest, order.tbs, key.privateKey));
    this.#record({ order, tbs: order.tbs, signature });
    if (this.mood === 'lost') throw away();
    return signature;
  }

  async resolve({ intentId, keyName }: { intentId: string; keyName: string }): Promise<IntentResolution> {
    if (this.mood === 'away') throw away();
    const known = this.#entries.get(intentId);
    if (known?.signature !== undefined) return { outcome: 'signed', signature: known.signature };
    if (known === undefined) {
      this.#record({ order: { intentId, keyName, kind: 'certificate' }, tbs: undefined, signature: undefined });
    }
    return { outcome: 'voided' };
  }

  async read({ afterPosition, limit }: { afterPosition: bigint; limit: number }): Promise<readonly LedgerEntry[]> {
    return [...this.#entries.values()]
      .filter(({ position }) => position > afterPosition)
      .slice(0, limit)
      .map(({ position, order, tbs }) => ({
        position,
        intentId: order.intentId,
        keyName: order.keyName,
        kind: order.kind,
        tbsSha256: tbs === undefined ? new Uint8Array() : new Uint8Array(createHash('sha256').update(tbs).digest()),
        voided: tbs === undefined,
      }));
  }

  /** How many intents were signed. */
  get signatures(): number {
    return [...this.#entries.values()].filter(({ signature }) => signature !== undefined).length;
  }

  #checkMood(): void {
    if (this.mood === 'away') throw away();
  }

  #record(entry: Omit<Entry, 'position'>): void {
    this.#entries.set(entry.order.intentId, { position: BigInt(this.#entries.size + 1), ...entry });
  }
}

function generate(algorithm: KeyAlgorithm) {
  const { privateKey, publicKey } = keyPair(algorithm);
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const digest = algorithm === 'ed25519' ? null : algorithm === 'ec-p384' ? 'sha384' : 'sha256';
  return { privateKey, spki, digest };
}

function keyPair(algorithm: KeyAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (algorithm) {
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ed25519':
      return generateKeyPairSync('ed25519');
    default:
      return generateKeyPairSync('rsa', { modulusLength: Number(algorithm.slice('rsa-'.length)) });
  }
}

function away(): CertError {
  return new CertError('signer-unavailable', 'The signer is away.', { retryAfterMs: 1_000 });
}

function refused(reason: string): CertError {
  return new CertError('issuance-refused', `Signer refuses (${reason}).`, { metadata: { signer_reason: reason } });
}
