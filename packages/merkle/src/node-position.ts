import { bitLength, trailingZeros } from './bits.ts';
import { MerkleError } from './merkle-error.ts';
import { checkSize } from './tree-size.ts';

/**
 * Where a node stands: `level` 0 holds the leaf hashes, and node `index` of level `l` covers the leaves
 * `index * 2^l` to `(index + 1) * 2^l - 1`.
 */
export type NodePosition = {
  /** Height over the leaves, 0 to 63. */
  readonly level: number;
  /** Number of the node within its level, from the left, from 0. */
  readonly index: bigint;
};

/**
 * The fewest complete nodes that cover the leaves `begin` (inclusive) to `end` (exclusive), left to right: the nodes of a
 * compact range. With `begin` 0 they are the right edge from which the root of a tree of size `end` follows.
 * At most 126.
 *
 * @throws MerkleError `INVALID_SIZE` unless 0 <= begin <= end <= 2^63-1.
 */
export function rangeNodes({ begin, end }: { readonly begin: bigint; readonly end: bigint }): NodePosition[] {
  checkSize(end);
  if (begin < 0n || begin > end) {
    throw new MerkleError('INVALID_SIZE', `The range ${begin}..${end} does not run forward from 0 or later.`);
  }
  const nodes: NodePosition[] = [];
  for (let start = begin; start < end; ) {
    // The largest node that starts here is limited by alignment and by what is left.
    const fits = bitLength(end - start) - 1;
    const level = start === 0n ? fits : Math.min(trailingZeros(start), fits);
    nodes.push({ level, index: start >> BigInt(level) });
    start += 1n << BigInt(level);
  }
  return nodes;
}
