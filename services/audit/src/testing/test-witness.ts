import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { formatCheckpoint, MerkleError, verifyConsistency } from '@cert-tasks/merkle';
import type { Witness } from '../application/ports/witness.ts';
import { type CheckpointSignature, ed25519PublicKey, type LogKey, type TreeHead } from '../domain/checkpoint.ts';
import { AuditError } from '../domain/errors.ts';

/** A witness that works as signer does: it signs with Ed25519, and only what appends to the last it signed. */
export class TestWitness implements Witness {
  readonly origin = 'log.test/audit';
  readonly publicKeyDer: Uint8Array;
  readonly #privateKey: KeyObject;
  #last: (TreeHead & CheckpointSignature) | undefined;
  /** How many signatures it was asked for. */
  asked = 0;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    this.publicKeyDer = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    this.#privateKey = privateKey;
  }

  get signedSize(): bigint | undefined {
    return this.#last?.size;
  }

  async logKey(): Promise<LogKey> {
    return { origin: this.origin, publicKey: ed25519PublicKey(this.publicKeyDer) };
  }

  async sign(request: {
    head: TreeHead;
    oldSize: bigint;
    consistencyProof: readonly Uint8Array[];
  }): Promise<CheckpointSignature> {
    this.asked += 1;
    return this.#judge(request);
  }

  #judge(request: { head: TreeHead; oldSize: bigint; consistencyProof: readonly Uint8Array[] }): CheckpointSignature {
    const { head, oldSize, consistencyProof: proof } = request;
    const last = this.#last;
    const signedSize = last?.size ?? 0n;
    if (last !== undefined && last.size === head.size) {
      if (!Buffer.from(last.root).equals(head.root)) throw fork(signedSize);
      return last;
    }
    if (head.size < signedSize || oldSize !== signedSize) throw fork(signedSize);
    if (last !== undefined && signedSize > 0n) {
      try {
        verifyConsistency({ size1: last.size, size2: head.size, root1: last.root, root2: head.root, proof });
      } catch (error) {
        if (error instanceof MerkleError) throw fork(signedSize);
        throw error;
      }
    } else if (proof.length > 0) throw fork(signedSize);
    const noteBody = formatCheckpoint({ origin: this.origin, size: head.size, root: head.root });
    const signature = new Uint8Array(sign(null, Buffer.from(noteBody), this.#privateKey));
    this.#last = { ...head, noteBody, signature };
    return this.#last;
  }
}

function fork(signedSize: bigint): AuditError {
  return new AuditError('checkpoint-fork', 'The tree does not append to what was signed.', {
    metadata: { signed_size: signedSize.toString() },
  });
}
