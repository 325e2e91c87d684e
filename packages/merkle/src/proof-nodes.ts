import { bitLength } from './bits.ts';
import { checkHash, nodeHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { type NodePosition, rangeNodes } from './node-position.ts';
import { checkIndex, checkSize } from './tree-size.ts';

/**
 * One hash of a proof, as a place in the tree. Where the tree is not a power of two, the node next to its right edge may be
 * ephemeral: not complete, hence not stored, but hashed together from several complete ones.
 */
export type ProofNode = NodePosition & {
  /** The complete nodes that this one is made of, left to right: itself alone unless it is ephemeral. */
  readonly parts: readonly NodePosition[];
};

/**
 * Delivers the hashes of complete nodes, in the order of the question. Synchronous or asynchronous; asked once per proof.
 * It rejects or throws when it cannot deliver all.
 */
export type NodeFetcher = (
  positions: readonly NodePosition[],
) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;

/**
 * The nodes of the inclusion proof of leaf `index` in the tree of `size`, from the leaf's sibling up: PATH(m, D[n]) of
 * RFC 6962, section 2.1.1.
 *
 * @throws MerkleError `INVALID_SIZE` or `INVALID_INDEX` unless 0 <= index < size <= 2^63-1.
 */
export function inclusionProofNodes({ index, size }: { readonly index: bigint; readonly size: bigint }): ProofNode[] {
  checkIndex({ index, size });
  const siblings: ProofNode[] = [];
  let begin = 0n;
  let end = size;
  while (end - begin > 1n) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      siblings.push(subtreeNode(middle, { end }));
      end = middle;
    } else {
      siblings.push(subtreeNode(begin, { end: middle }));
      begin = middle;
    }
  }
  return siblings.reverse();
}

/**
 * The nodes of the consistency proof between the trees of `size1` and `size2`: PROOF(m, D[n]) of RFC 6962, section 2.1.2.
 * None if the sizes are equal.
 *
 * @throws MerkleError `INVALID_SIZE` unless 1 <= size1 <= size2 <= 2^63-1. There is no proof from the empty tree: every tree
 * is consistent with it.
 */
export function consistencyProofNodes(sizes: { readonly size1: bigint; readonly size2: bigint }): ProofNode[] {
  const { size1, size2 } = sizes;
  checkConsistencySizes(sizes);
  const nodes: ProofNode[] = [];
  let begin = 0n;
  let end = size2;
  while (end !== size1) {
    const middle = begin + splitPoint(end - begin);
    if (size1 <= middle) {
      nodes.push(subtreeNode(middle, { end }));
      end = middle;
    } else {
      nodes.push(subtreeNode(begin, { end: middle }));
      begin = middle;
    }
  }
  // From 0, what remains is the old tree itself, whose root the verifier has.
  if (begin !== 0n) nodes.push(subtreeNode(begin, { end }));
  return nodes.reverse();
}

/** The complete nodes to fetch for a proof, in the order in which {@link assembleProof} wants their hashes. */
export function proofPositions(nodes: readonly ProofNode[]): NodePosition[] {
  return nodes.flatMap((node) => node.parts);
}

/**
 * Makes the proof from fetched hashes: those of {@link proofPositions}, in that order.
 *
 * @throws MerkleError `NODE_MISSING` if there are fewer or more hashes than asked for, or one is not 32 bytes.
 */
export function assembleProof(nodes: readonly ProofNode[], hashes: readonly Uint8Array[]): Uint8Array[] {
  const wanted = nodes.reduce((sum, node) => sum + node.parts.length, 0);
  if (hashes.length !== wanted) {
    throw new MerkleError('NODE_MISSING', `The proof needs ${wanted} nodes but ${hashes.length} were delivered.`);
  }
  try {
    for (const hash of hashes) checkHash(hash);
  } catch (cause) {
    throw new MerkleError('NODE_MISSING', 'A node was delivered that is not a hash of 32 bytes; check the store.', {
      cause,
    });
  }
  let at = 0;
  return nodes.map((node) => {
    const parts = hashes.slice(at, at + node.parts.length);
    at += node.parts.length;
    return parts.reduceRight((right, left) => nodeHash(left, right));
  });
}

/**
 * Fetches and makes the inclusion proof of leaf `index` in the tree of `size`. At most 63 hashes.
 *
 * @throws MerkleError as {@link inclusionProofNodes} and {@link assembleProof} do; what `getNodes` throws passes through.
 */
export async function buildInclusionProof(request: {
  readonly index: bigint;
  readonly size: bigint;
  readonly getNodes: NodeFetcher;
}): Promise<Uint8Array[]> {
  return fetchProof(inclusionProofNodes(request), request.getNodes);
}

/**
 * Fetches and makes the consistency proof between the trees of `size1` and `size2`. At most 64 hashes.
 *
 * @throws MerkleError as {@link consistencyProofNodes} and {@link assembleProof} do; what `getNodes` throws passes through.
 */
export async function buildConsistencyProof(request: {
  readonly size1: bigint;
  readonly size2: bigint;
  readonly getNodes: NodeFetcher;
}): Promise<Uint8Array[]> {
  return fetchProof(consistencyProofNodes(request), request.getNodes);
}

/** @throws MerkleError `INVALID_SIZE` unless 1 <= size1 <= size2 <= 2^63-1. */
export function checkConsistencySizes({ size1, size2 }: { readonly size1: bigint; readonly size2: bigint }): void {
  checkSize(size1);
  checkSize(size2);
  if (size1 > size2) {
    throw new MerkleError(
      'INVALID_SIZE',
      `A tree of size ${size2} cannot extend one of size ${size1}: a log never shrinks.`,
    );
  }
  if (size1 === 0n) {
    throw new MerkleError(
      'INVALID_SIZE',
      'There is no consistency proof from the empty tree; take the first checkpoint without one.',
    );
  }
}

async function fetchProof(nodes: readonly ProofNode[], getNodes: NodeFetcher): Promise<Uint8Array[]> {
  const positions = proofPositions(nodes);
  return assembleProof(nodes, positions.length === 0 ? [] : await getNodes(positions));
}

/** Largest power of two smaller than `n` > 1: where RFC 6962 splits a tree of n leaves. */
function splitPoint(n: bigint): bigint {
  return 1n << BigInt(bitLength(n - 1n) - 1);
}

/** The node over leaves `begin` to `end` - 1, where the recursion of RFC 6962 has such a subtree. */
function subtreeNode(begin: bigint, { end }: { readonly end: bigint }): ProofNode {
  const level = bitLength(end - begin - 1n);
  return { level, index: begin >> BigInt(level), parts: rangeNodes({ begin, end }) };
}
