import { CompactRange, MerkleError, type NodePosition, TILE_HEIGHT, TILE_WIDTH } from '@cert-tasks/merkle';
import { AuditError } from './errors.ts';

/** The tree as it is kept between batches. */
export interface TreeState {
  readonly size: bigint;
  /** The compact range, serialized. */
  readonly range: Uint8Array;
}

/** A tile that a batch has filled: its last hashes come from the batch, those before it are stored. */
export interface FilledTile {
  /** Tile level: its hashes are the tree's nodes of level 8 * level. */
  readonly level: number;
  readonly index: bigint;
  /** How many of its first hashes were there before the batch. */
  readonly storedHashes: number;
  /** The others, in order. */
  readonly newHashes: readonly Uint8Array[];
  /** Hash of the tile as a node: a hash of the level above. */
  readonly root: Uint8Array;
}

/** What a batch makes of a tree. */
export interface TreeGrowth {
  readonly state: TreeState;
  /** In order of level, then index. */
  readonly filledTiles: readonly FilledTile[];
}

/** The tree without leaves. */
export const EMPTY_TREE: TreeState = { size: 0n, range: CompactRange.empty().serialize() };

/**
 * The tree as a compact range.
 *
 * @throws AuditError `log-damaged` where the stored range is malformed or of another size.
 */
export function treeRange(tree: TreeState): CompactRange {
  const range = readRange(tree.range);
  if (range?.begin !== 0n || range.end !== tree.size) {
    throw new AuditError('log-damaged', `The stored state of the tree of size ${tree.size} is not one: run fsck.`);
  }
  return range;
}

/**
 * Appends leaves to a tree.
 *
 * @throws AuditError `log-damaged` as {@link treeRange} does.
 */
export function growTree(tree: TreeState, leafHashes: readonly Uint8Array[]): TreeGrowth {
  const range = treeRange(tree);
  const added = new AddedHashes();
  range.appendAll(leafHashes, (position, hash) => added.take(position, hash));
  const state = { size: range.end, range: range.serialize() };
  return { state, filledTiles: added.filledTiles({ oldSize: tree.size, newSize: range.end }) };
}

/** The hashes of a batch that tiles hold: those of the tree's levels 0, 8, 16, ... */
class AddedHashes {
  /** By tile level; consecutive from the first that the level lacked. */
  readonly #levels: Uint8Array[][] = [];

  take({ level }: NodePosition, hash: Uint8Array): void {
    if (level % TILE_HEIGHT !== 0) return;
    const tileLevel = level / TILE_HEIGHT;
    const hashes = this.#levels[tileLevel] ?? [];
    this.#levels[tileLevel] = hashes;
    hashes.push(hash);
  }

  filledTiles({ oldSize, newSize }: { oldSize: bigint; newSize: bigint }): FilledTile[] {
    const width = BigInt(TILE_WIDTH);
    return this.#levels.flatMap((hashes, level) => {
      const oldCount = oldSize >> BigInt(TILE_HEIGHT * level);
      const newCount = newSize >> BigInt(TILE_HEIGHT * level);
      const filled: FilledTile[] = [];
      for (let index = oldCount / width; (index + 1n) * width <= newCount; index++) {
        const storedHashes = index * width < oldCount ? Number(oldCount - index * width) : 0;
        const from = Number(index * width + BigInt(storedHashes) - oldCount);
        const root = this.#levels[level + 1]?.[Number(index - oldCount / width)];
        if (root === undefined) throw new Error('A full tile has a node above it.');
        const newHashes = hashes.slice(from, from + TILE_WIDTH - storedHashes);
        filled.push({ level, index, storedHashes, newHashes, root });
      }
      return filled;
    });
  }
}

function readRange(bytes: Uint8Array): CompactRange | undefined {
  try {
    return CompactRange.deserialize(bytes);
  } catch (error) {
    if (error instanceof MerkleError) return undefined;
    throw error;
  }
}
