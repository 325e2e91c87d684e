import { checkHash, HASH_SIZE, nodeHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import type { NodePosition } from './node-position.ts';
import type { NodeFetcher } from './proof-nodes.ts';
import { checkSize } from './tree-size.ts';

/** Hashes in a full tile, and entries in a full entry bundle. */
export const TILE_WIDTH = 256;

/** Levels of the tree that one tile spans. */
export const TILE_HEIGHT = 8;

/** A tile of the tree: C2SP tlog-tiles, "Merkle Tree". */
export type Tile = {
  /** Tile level, 0 to 63: its hashes are the tree's nodes of level `8 * level`. */
  readonly level: number;
  /** Number of the tile within its level, from 0. */
  readonly index: bigint;
  /** Hashes in it: 256 if it is full, 1 to 255 if partial. */
  readonly width: number;
};

/**
 * How many hashes tile `index` of `level` has in the tree of `size`: 0 (there is no such tile) to 256. With level 0 this is
 * the width of entry bundle `index` too.
 *
 * @throws MerkleError `INVALID_SIZE`, `INVALID_TILE` if level or index are out of bounds.
 */
export function tileWidth(where: { readonly level: number; readonly index: bigint; readonly size: bigint }): number {
  checkSize(where.size);
  checkTileLevel(where.level);
  if (where.index < 0n) throw new MerkleError('INVALID_TILE', `A tile cannot have the negative index ${where.index}.`);
  const width = hashesOfLevel(where) - where.index * 256n;
  if (width <= 0n) return 0;
  return width < 256n ? Number(width) : TILE_WIDTH;
}

/**
 * The tiles that came into being or grew between two sizes of a tree, level by level, left to right: what a log writes before
 * it publishes a checkpoint of `newSize`. Those of level 0 are the entry bundles to write, too. Nothing if the sizes are equal.
 *
 * @throws MerkleError `INVALID_SIZE` unless 0 <= oldSize <= newSize <= 2^63-1.
 */
export function* tilesBetween(sizes: {
  readonly oldSize: bigint;
  readonly newSize: bigint;
}): Generator<Tile, void, void> {
  const { oldSize, newSize } = sizes;
  checkSize(oldSize);
  checkSize(newSize);
  if (oldSize > newSize) {
    throw new MerkleError('INVALID_SIZE', `A log cannot shrink from ${oldSize} to ${newSize} leaves.`);
  }
  for (let level = 0; ; level++) {
    const oldHashes = hashesOfLevel({ level, size: oldSize });
    const newHashes = hashesOfLevel({ level, size: newSize });
    if (oldHashes === newHashes) return;
    for (let index = oldHashes / 256n; index * 256n < newHashes; index++) {
      yield { level, index, width: tileWidth({ level, index, size: newSize }) };
    }
  }
}

/** Where a node is found: which tile holds it, and which of the tile's hashes make it. */
export type TileLocation = {
  readonly tile: Tile;
  /** First of the hashes that make the node. */
  readonly offset: number;
  /** How many hashes make it: 1, 2, 4, … 128. With 1 the hash is the node itself. */
  readonly count: number;
};

/**
 * The tile that holds a complete node in the tree of `size`.
 *
 * @throws MerkleError `INVALID_SIZE`; `INVALID_INDEX` if the node is not complete in that tree, hence in no tile.
 */
export function locateNode(position: NodePosition, { size }: { readonly size: bigint }): TileLocation {
  if (!Number.isInteger(position.level) || position.level < 0 || position.level > 63 || position.index < 0n) {
    throw new MerkleError('INVALID_INDEX', `There is no node ${position.index} of level ${position.level}.`);
  }
  const level = Math.floor(position.level / TILE_HEIGHT);
  const height = position.level % TILE_HEIGHT;
  const perTile = BigInt(TILE_HEIGHT - height);
  const index = position.index >> perTile;
  const count = 1 << height;
  const offset = Number(position.index - (index << perTile)) * count;
  const width = tileWidth({ level, index, size });
  if (offset + count > width) {
    throw new MerkleError(
      'INVALID_INDEX',
      `Node ${position.index} of level ${position.level} is not complete in a tree of size ${size}.`,
    );
  }
  return { tile: { level, index, width }, offset, count };
}

/**
 * Writes a tile's content: its hashes one after the other.
 *
 * @throws MerkleError `INVALID_TILE` unless there are 1 to 256 hashes; `INVALID_HASH`.
 */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  checkTileWidth(hashes.length);
  const bytes = new Uint8Array(hashes.length * HASH_SIZE);
  for (const [i, hash] of hashes.entries()) {
    checkHash(hash);
    bytes.set(hash, i * HASH_SIZE);
  }
  return bytes;
}

/**
 * Reads a tile's content as hashes, which are views into `bytes`. A full tile may be given where a partial one is wanted, as
 * tlog-tiles allows logs to delete partial tiles: the hashes past `width` are left out.
 *
 * @throws MerkleError `INVALID_TILE` if the content is neither `width` nor 256 hashes.
 */
export function decodeTile(bytes: Uint8Array, { width }: { readonly width: number }): Uint8Array[] {
  checkTileWidth(width);
  if (bytes.length !== width * HASH_SIZE && bytes.length !== TILE_WIDTH * HASH_SIZE) {
    throw new MerkleError(
      'INVALID_TILE',
      `A tile of width ${width} is ${width * HASH_SIZE} bytes; this one has ${bytes.length}.`,
    );
  }
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE));
}

/** Delivers the content of tiles, in the order of the question; rejects or throws when it cannot deliver all. */
export type TileFetcher = (tiles: readonly Tile[]) => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;

/**
 * Makes a node fetcher over the tiles of a tree of `size`, for the proof builders. It asks once for all tiles that a proof
 * needs, each once. The tiles are not verified by themselves: verify the proof that is made from them.
 *
 * @throws MerkleError (from the fetcher) `INVALID_INDEX`, `INVALID_TILE`, `NODE_MISSING`.
 */
export function nodesFromTiles({
  size,
  getTiles,
}: {
  readonly size: bigint;
  readonly getTiles: TileFetcher;
}): NodeFetcher {
  checkSize(size);
  return async (positions) => {
    const locations = positions.map((position) => locateNode(position, { size }));
    const tiles = new Map(locations.map(({ tile }) => [tileKey(tile), tile]));
    const contents = await getTiles([...tiles.values()]);
    if (contents.length !== tiles.size) {
      throw new MerkleError('NODE_MISSING', `${tiles.size} tiles were asked for but ${contents.length} delivered.`);
    }
    const hashes = new Map(
      [...tiles].map(([key, tile], i) => [key, decodeTile(contents[i] ?? new Uint8Array(0), tile)]),
    );
    return locations.map(({ tile, offset, count }) =>
      perfectRoot((hashes.get(tileKey(tile)) ?? []).slice(offset, offset + count)),
    );
  };
}

function tileKey({ level, index }: Tile): string {
  return `${level}/${index}`;
}

/** Root of a complete subtree over 2^n hashes. */
function perfectRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes;
  while (row.length > 1) {
    const below = row;
    row = Array.from({ length: below.length / 2 }, (_, i) => nodeHash(at(below, 2 * i), at(below, 2 * i + 1)));
  }
  return at(row, 0);
}

function at(row: readonly Uint8Array[], i: number): Uint8Array {
  const hash = row[i];
  if (hash === undefined) throw new MerkleError('NODE_MISSING', 'A tile lacks hashes that the tree has.');
  return hash;
}

/** How many hashes all tiles of a level together have in a tree of `size`. */
function hashesOfLevel({ level, size }: { readonly level: number; readonly size: bigint }): bigint {
  return size >> BigInt(TILE_HEIGHT * level);
}

/** @throws MerkleError `INVALID_TILE` unless `level` is a whole number of 0 to 63. */
export function checkTileLevel(level: number): void {
  if (!Number.isInteger(level) || level < 0 || level > 63) {
    throw new MerkleError('INVALID_TILE', `Tile level ${level} is outside 0..63.`);
  }
}

/** @throws MerkleError `INVALID_TILE` unless `width` is a whole number of 1 to 256. */
export function checkTileWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new MerkleError('INVALID_TILE', `Tile width ${width} is outside 1..${TILE_WIDTH}; empty tiles do not exist.`);
  }
}
