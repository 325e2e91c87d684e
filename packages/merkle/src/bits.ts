/** Number of bits that `n` >= 0 needs; 0 needs none. */
export function bitLength(n: bigint): number {
  return n === 0n ? 0 : n.toString(2).length;
}

/** Number of zero bits below the lowest one bit of `n` > 0. */
export function trailingZeros(n: bigint): number {
  return bitLength(n & -n) - 1;
}

/** Number of one bits of `n` >= 0. */
export function oneBits(n: bigint): number {
  let ones = 0;
  for (let rest = n; rest !== 0n; rest &= rest - 1n) ones++;
  return ones;
}
