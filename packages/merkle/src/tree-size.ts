import { MerkleError } from './merkle-error.ts';

/** Largest tree size and, less one, largest leaf index: 2^63 - 1, so that both fit signed 64-bit columns and fields. */
export const MAX_TREE_SIZE = 2n ** 63n - 1n;

/** @throws MerkleError `INVALID_SIZE` if `size` is outside 0..2^63-1. */
export function checkSize(size: bigint): void {
  if (size < 0n || size > MAX_TREE_SIZE) {
    throw new MerkleError('INVALID_SIZE', `Tree size ${size} is outside 0..2^63-1.`);
  }
}

/** @throws MerkleError `INVALID_SIZE` or `INVALID_INDEX` unless 0 <= index < size <= 2^63-1. */
export function checkIndex({ index, size }: { readonly index: bigint; readonly size: bigint }): void {
  checkSize(size);
  if (index < 0n || index >= size) {
    throw new MerkleError('INVALID_INDEX', `Index ${index} is not in a tree of size ${size}.`);
  }
}

/** Reads an ASCII decimal of 0..2^63-1 without sign or leading zeros, as C2SP formats write sizes and indices. */
export function parseDecimal(text: string): bigint | undefined {
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= MAX_TREE_SIZE ? value : undefined;
}
