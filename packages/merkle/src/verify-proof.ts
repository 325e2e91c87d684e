import { bitLength, oneBits, trailingZeros } from './bits.ts';
import { checkHash, equalBytes, nodeHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { checkConsistencySizes } from './proof-nodes.ts';
import { checkIndex } from './tree-size.ts';

// Everything in this file may come from a hostile log. Its sizes fix the exact length of an honest proof (at most 64 hashes),
// which is checked before anything is hashed.

/** What an inclusion proof says: the leaf with this hash is number `index` of the tree of `size`. */
export type InclusionClaim = {
  /** Index of the leaf, from 0. */
  readonly index: bigint;
  /** Number of leaves of the tree, to 2^63-1. */
  readonly size: bigint;
  /** RFC 6962 hash of the leaf, 32 bytes. Compute it from the data that is to be proved, never take it from the log. */
  readonly leafHash: Uint8Array;
  /** The proof's hashes, from the leaf's sibling up. */
  readonly proof: readonly Uint8Array[];
};

/**
 * The root to which an inclusion proof leads. It proves nothing until it is compared with a root that is trusted.
 *
 * @throws MerkleError `INVALID_SIZE`, `INVALID_INDEX`, `INVALID_HASH`; `INVALID_PROOF` if the proof's length is not exactly
 * that of a proof for this index and size.
 */
export function rootFromInclusionProof({ index, size, leafHash, proof }: InclusionClaim): Uint8Array {
  checkIndex({ index, size });
  checkHash(leafHash);
  const inner = bitLength(index ^ (size - 1n));
  const border = oneBits(index >> BigInt(inner));
  checkProof(proof, { length: inner + border });
  const joined = joinInner({ seed: leafHash, path: index }, proof.slice(0, inner));
  return joinLeft(joined, proof.slice(inner));
}

/**
 * Verifies that a leaf is in the tree with `root`. Returns if it is. RFC 6962, section 2.1.1; RFC 9162, section 2.1.3.2.
 *
 * @throws MerkleError as {@link rootFromInclusionProof}; `ROOT_MISMATCH` if the proof leads to another root.
 */
export function verifyInclusion(claim: InclusionClaim & { readonly root: Uint8Array }): void {
  checkRoot(rootFromInclusionProof(claim), { expected: claim.root, what: 'inclusion' });
}

/** What a consistency proof says: the tree of `size2` begins with all of the tree of `size1`. */
export type ConsistencyClaim = {
  /** Size of the older tree, at least 1. */
  readonly size1: bigint;
  /** Size of the newer tree, to 2^63-1. */
  readonly size2: bigint;
  /** Root of the older tree. */
  readonly root1: Uint8Array;
  /** Root of the newer tree. */
  readonly root2: Uint8Array;
  /** The proof's hashes, in the order of RFC 6962; none if the sizes are equal. */
  readonly proof: readonly Uint8Array[];
};

/**
 * Verifies that the newer tree only appends to the older one. Returns if so. RFC 6962, section 2.1.2; RFC 9162,
 * section 2.1.4.2. With equal sizes the roots must be equal and the proof empty.
 *
 * @throws MerkleError `INVALID_SIZE` unless 1 <= size1 <= size2 <= 2^63-1 (a proof from the empty tree would say nothing);
 * `INVALID_HASH`; `INVALID_PROOF` if the proof's length is not exactly right; `ROOT_MISMATCH` if it leads to other roots.
 */
export function verifyConsistency({ size1, size2, root1, root2, proof }: ConsistencyClaim): void {
  checkConsistencySizes({ size1, size2 });
  if (size1 === size2) {
    checkProof(proof, { length: 0 });
    checkRoot(root1, { expected: root2, what: 'consistency' });
    return;
  }
  // The proof climbs from the last complete subtree of the older tree. If that is the older tree as a whole, its hash is
  // root1 and the proof leaves it out.
  const shift = trailingZeros(size1);
  const inner = bitLength((size1 - 1n) ^ (size2 - 1n)) - shift;
  const border = oneBits((size1 - 1n) >> BigInt(inner + shift));
  const isComplete = size1 === 1n << BigInt(shift);
  checkProof(proof, { length: (isComplete ? 0 : 1) + inner + border });
  const seed = isComplete ? root1 : (proof[0] ?? root1);
  const innerProof = proof.slice(isComplete ? 0 : 1, proof.length - border);
  const borderProof = proof.slice(proof.length - border);

  const path = (size1 - 1n) >> BigInt(shift);
  const older = joinLeft(
    seed,
    innerProof.filter((_, level) => isRightChild(path, level)),
  );
  checkRoot(joinLeft(older, borderProof), { expected: root1, what: 'consistency' });
  const newer = joinInner({ seed, path }, innerProof);
  checkRoot(joinLeft(newer, borderProof), { expected: root2, what: 'consistency' });
}

/** Whether bit `level` of `path` says that the node on the path is a right child there. */
function isRightChild(path: bigint, level: number): boolean {
  return ((path >> BigInt(level)) & 1n) === 1n;
}

/** Climbs from `seed` where siblings stand on either side, as the bits of `path` say. */
function joinInner(
  from: { readonly seed: Uint8Array; readonly path: bigint },
  siblings: readonly Uint8Array[],
): Uint8Array {
  return siblings.reduce(
    (hash, sibling, level) => (isRightChild(from.path, level) ? nodeHash(sibling, hash) : nodeHash(hash, sibling)),
    from.seed,
  );
}

/** Climbs from `seed` where all siblings stand to its left. */
function joinLeft(seed: Uint8Array, siblings: readonly Uint8Array[]): Uint8Array {
  return siblings.reduce((hash, sibling) => nodeHash(sibling, hash), seed);
}

function checkProof(proof: readonly Uint8Array[], { length }: { readonly length: number }): void {
  if (proof.length !== length) {
    throw new MerkleError(
      'INVALID_PROOF',
      `The proof has ${proof.length} hashes; for these sizes it must have ${length}.`,
    );
  }
}

function checkRoot(
  root: Uint8Array,
  { expected, what }: { readonly expected: Uint8Array; readonly what: string },
): void {
  if (!equalBytes(root, expected)) {
    throw new MerkleError(
      'ROOT_MISMATCH',
      `The ${what} proof does not lead to the given root: do not trust what it was to prove.`,
    );
  }
}
