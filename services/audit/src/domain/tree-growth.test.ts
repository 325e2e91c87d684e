import {
  buildInclusionProof,
  encodeTile,
  leafHash,
  nodesFromTiles,
  tileWidth,
  verifyInclusion,
} from '@cert-tasks/merkle';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EMPTY_TREE, growTree, type TreeState, treeRange } from './tree-growth.ts';

/** Tiles as an insert-only store keeps them, from growths alone. */
class TileStore {
  readonly #full = new Map<string, Uint8Array[]>();
  readonly #roots: Uint8Array[][] = [];
  readonly #leaves: Uint8Array[] = [];
  state: TreeState = EMPTY_TREE;

  append(leaves: readonly Uint8Array[]): void {
    const { state, filledTiles } = growTree(this.state, leaves);
    const before = [...this.#leaves];
    this.#leaves.push(...leaves);
    for (const { level, index, storedHashes, newHashes } of filledTiles) {
      const below = level === 0 ? before : (this.#roots[level - 1] ?? []);
      const from = Number(index) * 256;
      const stored = below.slice(from, from + storedHashes);
      expect(stored).toHaveLength(storedHashes);
      expect(stored.length + newHashes.length).toBe(256);
      this.#full.set(`${level}/${index}`, [...stored, ...newHashes]);
    }
    for (const { level, index, root } of filledTiles) {
      const roots = this.#roots[level] ?? [];
      this.#roots[level] = roots;
      expect(roots).toHaveLength(Number(index));
      roots.push(root);
    }
    this.state = state;
  }

  content(level: number, index: bigint, width: number): Uint8Array {
    const full = this.#full.get(`${level}/${index}`);
    if (width === 256) {
      if (full === undefined) throw new Error('a full tile is stored');
      return encodeTile(full);
    }
    const below = level === 0 ? this.#leaves : (this.#roots[level - 1] ?? []);
    return encodeTile(below.slice(Number(index) * 256, Number(index) * 256 + width));
  }
}

function numbered(count: number, from = 0): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => leafHash(Buffer.from(`leaf ${from + i}`)));
}

test('however leaves come in, every proof can be built from full tiles and what is below them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 }), async (batches) => {
      const store = new TileStore();
      let size = 0;
      for (const batch of batches) {
        store.append(numbered(batch, size));
        size += batch;
      }
      const root = treeRange(store.state).root();
      const getNodes = nodesFromTiles({
        size: BigInt(size),
        getTiles: (tiles) => tiles.map(({ level, index, width }) => store.content(level, index, width)),
      });
      for (const index of [0n, BigInt(Math.floor(size / 2)), BigInt(size - 1)]) {
        const proof = await buildInclusionProof({ index, size: BigInt(size), getNodes });
        const hash = leafHash(Buffer.from(`leaf ${index}`));
        verifyInclusion({ index, size: BigInt(size), leafHash: hash, proof, root });
      }
    }),
    { numRuns: 30 },
  );
});

test('tiles of the second level are filled across batches', () => {
  const store = new TileStore();
  store.append(numbered(65_000));
  store.append(numbered(535, 65_000));
  expect(() => store.content(1, 0n, 256)).toThrow('a full tile is stored');
  store.append(numbered(1, 65_535));
  expect(tileWidth({ level: 1, index: 0n, size: store.state.size })).toBe(256);
  expect(store.content(1, 0n, 256)).toHaveLength(8_192);
});

test('a state that is of another size than it says is refused', () => {
  const { state } = growTree(EMPTY_TREE, numbered(3));
  expect(() => treeRange({ ...state, size: 4n })).toThrow(expect.objectContaining({ code: 'log-damaged' }));
  expect(() => growTree({ size: 3n, range: state.range.slice(1) }, [])).toThrow(
    expect.objectContaining({ code: 'log-damaged' }),
  );
});
