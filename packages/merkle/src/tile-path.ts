import { MerkleError } from './merkle-error.ts';
import { checkTileLevel, checkTileWidth, TILE_WIDTH, type Tile } from './tile.ts';
import { MAX_TREE_SIZE } from './tree-size.ts';

/** What a path of a tile endpoint names: a tile of the tree, or a bundle of the log's entries. */
export type TileResource =
  | ({ readonly kind: 'tile' } & Tile)
  | {
      readonly kind: 'entries';
      /** Number of the bundle: it holds the entries from `index * 256` on. */
      readonly index: bigint;
      /** Entries in it: 256 if it is full, 1 to 255 if partial. */
      readonly width: number;
    };

const MAX_PATH_LENGTH = 64;
const PATH = /^tile\/(0|[1-9]|[1-5][0-9]|6[0-3]|entries)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/**
 * Path of a tile under the log's prefix, without a leading slash: `tile/<L>/<N>[.p/<W>]`. C2SP tlog-tiles, "Merkle Tree".
 *
 * @throws MerkleError `INVALID_TILE` if level, index or width are out of bounds.
 */
export function tilePath({ level, index, width }: Tile): string {
  checkTileLevel(level);
  return `tile/${level}/${formatIndex(index)}${formatWidth(width)}`;
}

/**
 * Path of an entry bundle under the log's prefix, without a leading slash: `tile/entries/<N>[.p/<W>]`. C2SP tlog-tiles,
 * "Log entries".
 *
 * @throws MerkleError `INVALID_TILE` if index or width are out of bounds.
 */
export function entryBundlePath({ index, width }: { readonly index: bigint; readonly width: number }): string {
  return `tile/entries/${formatIndex(index)}${formatWidth(width)}`;
}

/**
 * Reads a tile or entry bundle path, without a leading slash. Hostile input: each resource has exactly one path, and only that
 * one is accepted. Whether the log has such a tile is another question: see {@link tileWidth}.
 *
 * @throws MerkleError `INVALID_TILE`.
 */
export function parseTilePath(path: string): TileResource {
  const match = path.length <= MAX_PATH_LENGTH ? PATH.exec(path) : null;
  const [, level, groups, partial] = match ?? [];
  if (level === undefined || groups === undefined) {
    throw new MerkleError('INVALID_TILE', 'A tile path looks like tile/0/x001/067 or tile/entries/067.p/8.');
  }
  if (groups.startsWith('x000')) {
    throw new MerkleError('INVALID_TILE', 'A tile path has no more groups of digits than its number needs.');
  }
  const index = BigInt(groups.replaceAll(/[x/]/g, ''));
  if (index > MAX_TREE_SIZE) throw new MerkleError('INVALID_TILE', `Tile index ${index} is beyond any log.`);
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (partial !== undefined && width >= TILE_WIDTH) {
    throw new MerkleError(
      'INVALID_TILE',
      `A partial tile has 1 to 255 hashes, not ${partial}; a full one has no .p part.`,
    );
  }
  return level === 'entries' ? { kind: 'entries', index, width } : { kind: 'tile', level: Number(level), index, width };
}

/** Three-digit groups, all but the last marked with an x, so that no file name is also a directory name. */
function formatIndex(index: bigint): string {
  if (index < 0n || index > MAX_TREE_SIZE) {
    throw new MerkleError('INVALID_TILE', `Tile index ${index} is outside 0..2^63-1.`);
  }
  const digits = index.toString();
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  return padded.replaceAll(/[0-9]{3}(?=[0-9])/g, 'x$&/');
}

function formatWidth(width: number): string {
  checkTileWidth(width);
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}
