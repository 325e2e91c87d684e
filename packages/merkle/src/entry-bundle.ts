import { MerkleError } from './merkle-error.ts';
import { checkTileWidth } from './tile.ts';

/** Largest entry that a bundle can carry, in bytes: its length is a 16-bit integer. */
export const MAX_ENTRY_SIZE = 65_535;

const LENGTH_SIZE = 2;

/**
 * Writes an entry bundle: each entry after its length as a big-endian 16-bit integer. C2SP tlog-tiles, "Log entries".
 *
 * @throws MerkleError `INVALID_TILE` unless there are 1 to 256 entries; `INVALID_ENTRY_BUNDLE` if one exceeds 65,535 bytes.
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  checkTileWidth(entries.length);
  const size = entries.reduce((sum, entry) => sum + LENGTH_SIZE + entry.length, 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_SIZE) {
      throw new MerkleError(
        'INVALID_ENTRY_BUNDLE',
        `An entry of ${entry.length} bytes does not fit a bundle (${MAX_ENTRY_SIZE} at most); log a digest of it instead.`,
      );
    }
    view.setUint16(at, entry.length);
    bytes.set(entry, at + LENGTH_SIZE);
    at += LENGTH_SIZE + entry.length;
  }
  return bytes;
}

/**
 * Reads an entry bundle of exactly `width` entries (as {@link tileWidth} says for the log's size), which are views into
 * `bytes`. Hostile input: verify the entries' leaf hashes against the level 0 tile or a proof.
 *
 * @throws MerkleError `INVALID_TILE` unless `width` is 1 to 256; `INVALID_ENTRY_BUNDLE` if the bundle is cut short, or holds
 * more than `width` entries.
 */
export function decodeEntryBundle(bytes: Uint8Array, { width }: { readonly width: number }): Uint8Array[] {
  checkTileWidth(width);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const start = at + LENGTH_SIZE;
    const end = start <= bytes.length ? start + view.getUint16(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) {
      throw new MerkleError('INVALID_ENTRY_BUNDLE', `The bundle ends within entry ${entries.length} of ${width}.`);
    }
    entries.push(bytes.subarray(start, end));
    at = end;
  }
  if (at !== bytes.length) {
    throw new MerkleError(
      'INVALID_ENTRY_BUNDLE',
      `The bundle has ${bytes.length - at} bytes after its ${width} entries.`,
    );
  }
  return entries;
}
