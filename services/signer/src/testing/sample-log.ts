import { createHash } from 'node:crypto';

/** Roots and proofs of a log whose leaf i is the text `{prefix}{i}`, by the recursive definitions of RFC 6962, section 2.1. */
export class SampleLog {
  readonly #prefix: string;

  /** Logs of different prefixes share no leaf. */
  constructor(prefix = 'leaf-') {
    this.#prefix = prefix;
  }

  /** MTH(D[0:size]). */
  root(size: number): Uint8Array {
    return this.#hash(0, size);
  }

  /** PROOF(oldSize, D[0:size]). */
  proof(oldSize: number, size: number): readonly Uint8Array[] {
    return oldSize === 0 || oldSize === size ? [] : this.#subproof({ begin: 0, end: size, old: oldSize, isOld: true });
  }

  #hash(begin: number, end: number): Uint8Array {
    if (begin === end) return digest();
    if (end - begin === 1) return digest([0], Buffer.from(`${this.#prefix}${begin}`));
    const middle = begin + splitPoint(end - begin);
    return digest([1], this.#hash(begin, middle), this.#hash(middle, end));
  }

  #subproof(range: { begin: number; end: number; old: number; isOld: boolean }): Uint8Array[] {
    const { begin, end, old, isOld } = range;
    if (old === end) return isOld ? [] : [this.#hash(begin, end)];
    const middle = begin + splitPoint(end - begin);
    if (old <= middle) return [...this.#subproof({ begin, end: middle, old, isOld }), this.#hash(middle, end)];
    return [...this.#subproof({ begin: middle, end, old, isOld: false }), this.#hash(begin, middle)];
  }
}

/** The largest power of two below n. */
function splitPoint(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

function digest(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(Uint8Array.from(part));
  return new Uint8Array(hash.digest());
}
