import { bytesEqual } from '@cert-tasks/kernel';
import { SignerError } from './errors.ts';

/** A checkpoint that a key signed: its witness's memory. */
export interface SignedCheckpoint {
  readonly treeSize: bigint;
  /** Root of the tree of that size, 32 bytes. */
  readonly rootHash: Uint8Array;
  /** What was signed: origin, size and root, a line each (C2SP tlog-checkpoint). */
  readonly noteBody: string;
  /** Raw Ed25519 signature of the body. */
  readonly signature: Uint8Array;
}

/** A checkpoint to be signed, with the proof that it appends to an older one. */
export interface ProposedCheckpoint {
  readonly treeSize: bigint;
  readonly rootHash: Uint8Array;
  /** The size that the proof starts from. */
  readonly oldSize: bigint;
  readonly consistencyProof: readonly Uint8Array[];
}

/** What is to be done with a proposal before its proof is looked at. */
export type CheckpointDecision =
  /** It was signed before: answer with the first signature. */
  | { readonly kind: 'repeat'; readonly checkpoint: SignedCheckpoint }
  /** Verify the proof from this checkpoint, then sign. Undefined: the first, or after an empty tree; no proof is needed. */
  | { readonly kind: 'prove'; readonly from: SignedCheckpoint | undefined };

/**
 * Decides on a proposal by the last checkpoint that the key signed.
 *
 * @throws SignerError `checkpoint-fork` for a smaller size, another root of the same size, or a proof from another size
 * than the last one; for the first and after an empty tree a proof has no hashes.
 */
export function decideCheckpoint(last: SignedCheckpoint | undefined, proposed: ProposedCheckpoint): CheckpointDecision {
  const signedSize = last?.treeSize ?? 0n;
  if (last !== undefined && last.treeSize === proposed.treeSize) {
    if (bytesEqual(last.rootHash, proposed.rootHash)) return { kind: 'repeat', checkpoint: last };
    throw checkpointFork(signedSize, 'Another root was signed for this size.');
  }
  if (proposed.treeSize < signedSize) throw checkpointFork(signedSize, 'A larger tree was signed already.');
  if (proposed.oldSize !== signedSize) throw checkpointFork(signedSize, 'The proof starts from another size.');
  if (signedSize > 0n) return { kind: 'prove', from: last };
  if (proposed.consistencyProof.length > 0) {
    throw checkpointFork(signedSize, 'There is nothing to prove from an empty tree: send no hashes.');
  }
  return { kind: 'prove', from: undefined };
}

/** The refusal of a tree that does not append to what was signed; says the last size signed. */
export function checkpointFork(signedSize: bigint, message: string, cause?: unknown): SignerError {
  return new SignerError(
    'checkpoint-fork',
    `${message} The last size signed is ${signedSize}: prove consistency from it.`,
    { metadata: { signed_size: String(signedSize) }, ...(cause !== undefined && { cause }) },
  );
}
