import { checkHash, emptyRoot, HASH_SIZE, nodeHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { type NodePosition, rangeNodes } from './node-position.ts';
import { checkSize, MAX_TREE_SIZE } from './tree-size.ts';

/** Is told a node and its hash. What it throws passes through and leaves the range as it was before the call. */
export type NodeVisitor = (position: NodePosition, hash: Uint8Array) => void;

type EdgeNode = { readonly level: number; readonly hash: Uint8Array };

/** The nodes of a range, left to right. At most 126, so that working on a copy costs little. */
type Edge = EdgeNode[];

const HEADER_SIZE = 16;
const MAX_NODES = 126;

/**
 * A compact range: the hashes of the fewest complete subtrees that cover the leaves `begin` to `end` - 1. From 0 it is all
 * that a log must keep in memory to grow; two adjoining ranges merge, so that parts of a tree can be hashed apart.
 *
 * Only appended to, never shortened. Every method either succeeds or leaves the range unchanged. Hashes that are passed in
 * are kept, not copied: do not write to them afterwards.
 */
export class CompactRange {
  readonly begin: bigint;
  #end: bigint;
  #edge: Edge;

  private constructor(begin: bigint, end: bigint, edge: Edge) {
    this.begin = begin;
    this.#end = end;
    this.#edge = edge;
  }

  /**
   * A range without leaves that starts at leaf `begin`.
   *
   * @throws MerkleError `INVALID_SIZE` if `begin` is outside 0..2^63-1.
   */
  static empty(begin = 0n): CompactRange {
    checkSize(begin);
    return new CompactRange(begin, begin, []);
  }

  /**
   * The range over leaves `begin` to `end` - 1, from the hashes of {@link rangeNodes} in that order. With `begin` 0: the state
   * of a log, read back from its stored nodes.
   *
   * @throws MerkleError `INVALID_SIZE` for impossible bounds, `INVALID_RANGE` for a wrong number of hashes, `INVALID_HASH`.
   */
  static fromHashes(state: {
    readonly begin: bigint;
    readonly end: bigint;
    readonly hashes: readonly Uint8Array[];
  }): CompactRange {
    const nodes = rangeNodes(state);
    if (state.hashes.length !== nodes.length) {
      throw new MerkleError(
        'INVALID_RANGE',
        `The range ${state.begin}..${state.end} has ${nodes.length} nodes; ${state.hashes.length} hashes were given.`,
      );
    }
    const edge = state.hashes.map((hash, i) => {
      checkHash(hash);
      return { level: nodes[i]?.level ?? 0, hash };
    });
    return new CompactRange(state.begin, state.end, edge);
  }

  /**
   * Reads what {@link CompactRange.serialize} wrote. Only the one canonical form is accepted.
   *
   * @throws MerkleError `INVALID_RANGE`.
   */
  static deserialize(bytes: Uint8Array): CompactRange {
    const nodes = (bytes.length - HEADER_SIZE) / HASH_SIZE;
    if (!Number.isInteger(nodes) || nodes < 0 || nodes > MAX_NODES) {
      throw new MerkleError(
        'INVALID_RANGE',
        'A stored compact range is a header of 16 bytes and at most 126 whole hashes.',
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const hashes = Array.from({ length: nodes }, (_, i) => {
      const at = HEADER_SIZE + i * HASH_SIZE;
      return Uint8Array.from(bytes.subarray(at, at + HASH_SIZE));
    });
    try {
      return CompactRange.fromHashes({ begin: view.getBigUint64(0), end: view.getBigUint64(8), hashes });
    } catch (cause) {
      throw new MerkleError('INVALID_RANGE', 'The stored compact range has impossible bounds or hashes missing.', {
        cause,
      });
    }
  }

  /** Index after the last leaf. For a range from 0 this is the tree size. */
  get end(): bigint {
    return this.#end;
  }

  /** Hashes of the range's nodes, left to right, in the order of {@link rangeNodes}. */
  get hashes(): readonly Uint8Array[] {
    return this.#edge.map(({ hash }) => hash);
  }

  /** A copy that grows apart from this one. */
  clone(): CompactRange {
    return new CompactRange(this.begin, this.#end, [...this.#edge]);
  }

  /**
   * Appends one leaf by its hash. `visit` is told the leaf and then each node that it completes, bottom-up.
   *
   * @throws MerkleError `INVALID_HASH`; `INVALID_SIZE` if the tree is full (2^63-1 leaves).
   */
  append(leafHash: Uint8Array, visit?: NodeVisitor): void {
    this.appendAll([leafHash], visit);
  }

  /**
   * Appends leaves by their hashes, in order. `visit` is told each leaf, each followed by the nodes that it completes.
   *
   * @throws MerkleError `INVALID_HASH`; `INVALID_SIZE` if the tree would exceed 2^63-1 leaves.
   */
  appendAll(leafHashes: readonly Uint8Array[], visit?: NodeVisitor): void {
    for (const hash of leafHashes) checkHash(hash);
    this.#checkRoom(this.#end + BigInt(leafHashes.length));
    const edge = [...this.#edge];
    let index = this.#end;
    for (const hash of leafHashes) {
      visit?.({ level: 0, index }, hash);
      pushNode(edge, { level: 0, index, hash, visit });
      index++;
    }
    this.#edge = edge;
    this.#end = index;
  }

  /**
   * Appends a whole range that starts where this one ends. `visit` is told the nodes that come into being by the merge.
   *
   * @throws MerkleError `INVALID_RANGE` if the ranges do not adjoin.
   */
  merge(next: CompactRange, visit?: NodeVisitor): void {
    if (next.begin !== this.#end) {
      throw new MerkleError(
        'INVALID_RANGE',
        `A range that ends at ${this.#end} cannot take one that begins at ${next.begin}; merge ranges in order, without gaps.`,
      );
    }
    const edge = [...this.#edge];
    let start = next.begin;
    for (const { level, hash } of next.#edge) {
      pushNode(edge, { level, index: start >> BigInt(level), hash, visit });
      start += 1n << BigInt(level);
    }
    this.#edge = edge;
    this.#end = next.end;
  }

  /**
   * Root of the tree of size `end`; the empty root for a tree without leaves. `visit` is told the ephemeral nodes of the
   * right edge, bottom-up: they change as the tree grows and must not be stored as complete ones.
   *
   * @throws MerkleError `INVALID_RANGE` if the range does not begin at 0: only a whole tree has a root.
   */
  root(visit?: NodeVisitor): Uint8Array {
    if (this.begin !== 0n) {
      throw new MerkleError(
        'INVALID_RANGE',
        `A range that begins at ${this.begin} has no root; merge it into one from 0.`,
      );
    }
    let root: Uint8Array | undefined;
    for (const { level, hash } of this.#edge.toReversed()) {
      if (root === undefined) {
        root = hash;
        continue;
      }
      root = nodeHash(hash, root);
      visit?.({ level: level + 1, index: (this.#end - 1n) >> BigInt(level + 1) }, root);
    }
    return root === undefined ? emptyRoot() : Uint8Array.from(root);
  }

  /** The range as bytes: `begin` and `end` as big-endian 64-bit integers, then the hashes, left to right. */
  serialize(): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE + this.#edge.length * HASH_SIZE);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, this.begin);
    view.setBigUint64(8, this.#end);
    for (const [i, { hash }] of this.#edge.entries()) bytes.set(hash, HEADER_SIZE + i * HASH_SIZE);
    return bytes;
  }

  #checkRoom(newEnd: bigint): void {
    if (newEnd > MAX_TREE_SIZE) {
      throw new MerkleError('INVALID_SIZE', 'The tree is full: it cannot hold more than 2^63-1 leaves.');
    }
  }
}

/**
 * Puts a complete node at the right end and joins siblings as long as there are any. Since neighbours on the edge adjoin, an
 * odd node whose left neighbour is of its level has that neighbour as its sibling.
 */
function pushNode(
  edge: Edge,
  node: NodePosition & { readonly hash: Uint8Array; readonly visit: NodeVisitor | undefined },
): void {
  let { level, index, hash } = node;
  for (let left = edge.at(-1); left?.level === level && (index & 1n) === 1n; left = edge.at(-1)) {
    edge.pop();
    hash = nodeHash(left.hash, hash);
    level++;
    index >>= 1n;
    node.visit?.({ level, index }, hash);
  }
  edge.push({ level, hash });
}
