import { createHash } from 'node:crypto';

// The definitions of RFC 6962, section 2.1, as they stand there, over an array of leaf data: slow, and nothing in common with
// the code under test.

function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
}

function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** MTH(D[n]). */
export function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [leaf] = leaves;
  if (leaf === undefined) return sha256();
  if (leaves.length === 1) return sha256(Uint8Array.of(0), leaf);
  const k = split(leaves.length);
  return sha256(Uint8Array.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** PATH(m, D[n]). */
export function naiveInclusionProof(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m < k
    ? [...naiveInclusionProof(m, left), naiveRoot(right)]
    : [...naiveInclusionProof(m - k, right), naiveRoot(left)];
}

/** PROOF(m, D[n]). */
export function naiveConsistencyProof(m: number, leaves: readonly Uint8Array[]): Uint8Array[] {
  return subproof(m, leaves, true);
}

function subproof(m: number, leaves: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === leaves.length) return isWhole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m <= k
    ? [...subproof(m, left, isWhole), naiveRoot(right)]
    : [...subproof(m - k, right, false), naiveRoot(left)];
}

/** Leaves whose data is their number, as four bytes. */
export function numberedLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const leaf = new Uint8Array(4);
    new DataView(leaf.buffer).setUint32(0, i);
    return leaf;
  });
}

/** Whether the fetcher of {@link nodeStore} may be asked for a node is checked: only complete nodes exist. */
export function nodeStore(
  leaves: readonly Uint8Array[],
): (positions: readonly { readonly level: number; readonly index: bigint }[]) => Uint8Array[] {
  return (positions) =>
    positions.map(({ level, index }) => {
      const begin = Number(index) * 2 ** level;
      const end = begin + 2 ** level;
      if (end > leaves.length) throw new Error(`asked for the incomplete node ${index} of level ${level}`);
      return naiveRoot(leaves.slice(begin, end));
    });
}
