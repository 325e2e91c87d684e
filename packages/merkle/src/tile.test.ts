import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naiveConsistencyProof, naiveInclusionProof, naiveRoot, numberedLeaves } from '../test/naive-tree.ts';
import { CompactRange } from './compact-range.ts';
import { leafHash } from './hash.ts';
import { buildConsistencyProof, buildInclusionProof } from './proof-nodes.ts';
import {
  decodeTile,
  encodeTile,
  locateNode,
  nodesFromTiles,
  type Tile,
  type TileFetcher,
  tilesBetween,
  tileWidth,
} from './tile.ts';
import { MAX_TREE_SIZE } from './tree-size.ts';
import { verifyInclusion } from './verify-proof.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const names = (tiles: Iterable<Tile>) => [...tiles].map(({ level, index, width }) => `${level}/${index}.${width}`);

/** The content of a log's tiles, written as the visitor reports nodes, and served as a file server would. */
function tileServer(leaves: readonly Uint8Array[]) {
  const rows = new Map<number, Uint8Array[]>();
  const range = CompactRange.empty();
  range.appendAll(leaves.map(leafHash), ({ level, index }, hash) => {
    if (level % 8 !== 0) return;
    const row = rows.get(level / 8) ?? [];
    expect(index).toBe(BigInt(row.length));
    row.push(hash);
    rows.set(level / 8, row);
  });
  const asked: string[] = [];
  const getTiles: TileFetcher = (tiles) => {
    asked.push(...names(tiles));
    return tiles.map(({ level, index, width }) => {
      const start = Number(index) * 256;
      return encodeTile((rows.get(level) ?? []).slice(start, start + width));
    });
  };
  return { range, rows, getTiles, asked };
}

describe('the example of tlog-tiles: a tree of size 70,000', () => {
  it('has 273 full and one partial tile on level 0, two on level 1, one on level 2', () => {
    const tiles = [...tilesBetween({ oldSize: 0n, newSize: 70_000n })];
    const shape = (level: number) => tiles.filter((tile) => tile.level === level).map(({ width }) => width);
    expect(shape(0)).toStrictEqual([...Array(273).fill(256), 112]);
    expect(shape(1)).toStrictEqual([256, 17]);
    expect(shape(2)).toStrictEqual([1]);
    expect(tiles).toHaveLength(277);
  });

  it('and one of size 256 has a full tile and a partial one above it', () => {
    expect(names(tilesBetween({ oldSize: 0n, newSize: 256n }))).toStrictEqual(['0/0.256', '1/0.1']);
  });

  it('proves any leaf from three levels of tiles', async () => {
    const leaves = numberedLeaves(70_000);
    const { range, getTiles, asked } = tileServer(leaves);
    const size = 70_000n;
    const root = range.root();
    const getNodes = nodesFromTiles({ size, getTiles });
    for (const index of [0n, 255n, 256n, 65_535n, 65_536n, 69_887n, 69_888n, 69_999n]) {
      asked.length = 0;
      const proof = await buildInclusionProof({ index, size, getNodes });
      verifyInclusion({ index, size, root, proof, leafHash: leafHash(leaves[Number(index)] ?? new Uint8Array(0)) });
      expect(new Set(asked).size).toBe(asked.length);
      expect(asked.length).toBeLessThanOrEqual(5);
    }
  });
});

describe('proofs from tiles', () => {
  it('are those of the naive tree', async () => {
    const leaves = numberedLeaves(700);
    const { getTiles } = tileServer(leaves);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 700 }), fc.nat(), async (count, pick) => {
        const size = BigInt(count);
        const getNodes = nodesFromTiles({ size, getTiles });
        const index = pick % count;
        const tree = leaves.slice(0, count);
        expect(await buildInclusionProof({ index: BigInt(index), size, getNodes })).toStrictEqual(
          naiveInclusionProof(index, tree),
        );
        const size1 = index + 1;
        expect(await buildConsistencyProof({ size1: BigInt(size1), size2: size, getNodes })).toStrictEqual(
          naiveConsistencyProof(size1, tree),
        );
      }),
      { numRuns: 25 },
    );
  });

  it('may come from full tiles where partial ones are gone', async () => {
    const leaves = numberedLeaves(256);
    const { getTiles } = tileServer(leaves);
    const full: TileFetcher = (tiles) => getTiles(tiles.map((tile) => ({ ...tile, width: 256 })));
    const getNodes = nodesFromTiles({ size: 100n, getTiles: full });
    expect(await buildInclusionProof({ index: 42n, size: 100n, getNodes })).toStrictEqual(
      naiveInclusionProof(42, leaves.slice(0, 100)),
    );
  });

  it('notice tiles that are missing or of the wrong size', async () => {
    const at = { index: 0n, size: 300n };
    const { getTiles } = tileServer(numberedLeaves(300));
    for (const [bad, expected] of [
      [() => [], 'NODE_MISSING'],
      [async (tiles: readonly Tile[]) => (await getTiles(tiles)).slice(1), 'NODE_MISSING'],
      [async (tiles: readonly Tile[]) => (await getTiles(tiles)).map((tile) => tile.subarray(32)), 'INVALID_TILE'],
      [async (tiles: readonly Tile[]) => (await getTiles(tiles)).map(() => new Uint8Array(0)), 'INVALID_TILE'],
    ] as const) {
      const getNodes = nodesFromTiles({ size: 300n, getTiles: bad });
      await expect(buildInclusionProof({ ...at, getNodes })).rejects.toThrowError(code(expected));
    }
  });
});

describe('tileWidth', () => {
  it.each([
    [0, 0n, 0n, 0],
    [0, 0n, 1n, 1],
    [0, 0n, 255n, 255],
    [0, 0n, 256n, 256],
    [0, 0n, 257n, 256],
    [0, 1n, 256n, 0],
    [0, 273n, 70_000n, 112],
    [1, 1n, 70_000n, 17],
    [2, 0n, 65_535n, 0],
    [7, 0n, MAX_TREE_SIZE, 127],
    [8, 0n, MAX_TREE_SIZE, 0],
    [63, 2n ** 62n, MAX_TREE_SIZE, 0],
  ])('of tile %i/%i in a tree of %i is %i', (level, index, size, expected) => {
    expect(tileWidth({ level, index, size })).toBe(expected);
  });

  it.each([
    [-1, 0n, 1n, 'INVALID_TILE'],
    [64, 0n, 1n, 'INVALID_TILE'],
    [0.5, 0n, 1n, 'INVALID_TILE'],
    [0, -1n, 1n, 'INVALID_TILE'],
    [0, 0n, -1n, 'INVALID_SIZE'],
    [0, 0n, MAX_TREE_SIZE + 1n, 'INVALID_SIZE'],
  ])('refuses tile %d/%i of a tree of %i', (level, index, size, expected) => {
    expect(() => tileWidth({ level, index, size })).toThrowError(code(expected));
  });
});

describe('tilesBetween', () => {
  it('lists exactly the tiles whose width changes', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(3000), (oldSize, growth) => {
        const newSize = oldSize + growth;
        const changed: string[] = [];
        for (let level = 0; level < 3; level++) {
          for (let index = 0n; ; index++) {
            const [before, after] = [oldSize, newSize].map((size) => tileWidth({ level, index, size: BigInt(size) }));
            if (after === 0) break;
            if (before !== after) changed.push(`${level}/${index}.${after}`);
          }
        }
        expect(names(tilesBetween({ oldSize: BigInt(oldSize), newSize: BigInt(newSize) }))).toStrictEqual(changed);
      }),
      { numRuns: 50 },
    );
  });

  it('reaches the largest tree without listing what was there', () => {
    expect(names(tilesBetween({ oldSize: MAX_TREE_SIZE - 1n, newSize: MAX_TREE_SIZE }))).toStrictEqual([
      `0/${2n ** 55n - 1n}.255`,
    ]);
  });

  it.each([
    [2n, 1n],
    [-1n, 1n],
    [0n, MAX_TREE_SIZE + 1n],
  ])('refuses to go from %i to %i', (oldSize, newSize) => {
    expect(() => [...tilesBetween({ oldSize, newSize })]).toThrowError(code('INVALID_SIZE'));
  });
});

describe('locateNode', () => {
  it.each([
    [0, 0n, 1n, '0/0.1', 0, 1],
    [0, 300n, 70_000n, '0/1.256', 44, 1],
    [7, 1n, 70_000n, '0/0.256', 128, 128],
    [8, 1n, 70_000n, '1/0.256', 1, 1],
    [15, 1n, 70_000n, '1/0.256', 128, 128],
    [16, 0n, 70_000n, '2/0.1', 0, 1],
    [3, 8749n, 70_000n, '0/273.112', 104, 8],
    [62, 0n, MAX_TREE_SIZE, '7/0.127', 0, 64],
  ])('finds node %i/%i of a tree of %i', (level, index, size, tile, offset, count) => {
    const location = locateNode({ level, index }, { size });
    expect(names([location.tile])).toStrictEqual([tile]);
    expect([location.offset, location.count]).toStrictEqual([offset, count]);
  });

  it.each([
    [0, 70_000n, 70_000n],
    [3, 8750n, 70_000n],
    [17, 0n, 70_000n],
    [63, 0n, MAX_TREE_SIZE],
    [64, 0n, MAX_TREE_SIZE],
    [-1, 0n, 8n],
    [1.5, 0n, 8n],
    [0, -1n, 8n],
  ])('refuses node %d/%i in a tree of %i: it is not complete there', (level, index, size) => {
    expect(() => locateNode({ level, index }, { size })).toThrowError(code('INVALID_INDEX'));
  });
});

describe('tile content', () => {
  it('is the hashes, one after the other', () => {
    const hashes = numberedLeaves(3).map(leafHash);
    const bytes = encodeTile(hashes);
    expect(Buffer.from(bytes)).toStrictEqual(Buffer.concat(hashes));
    expect(decodeTile(bytes, { width: 3 })).toStrictEqual(hashes);
    expect(encodeTile(Array(256).fill(naiveRoot([])))).toHaveLength(8192);
  });

  it('may be wider than asked only if it is full', () => {
    const full = encodeTile(numberedLeaves(256).map(leafHash));
    expect(decodeTile(full, { width: 2 })).toStrictEqual(numberedLeaves(2).map(leafHash));
    expect(() => decodeTile(full.subarray(0, 96), { width: 2 })).toThrowError(code('INVALID_TILE'));
  });

  it.each([0, -1, 257, 1.5, Number.NaN])('does not have %d hashes', (width) => {
    expect(() => decodeTile(new Uint8Array(32), { width })).toThrowError(code('INVALID_TILE'));
  });

  it('refuses to write what is no tile', () => {
    expect(() => encodeTile([])).toThrowError(code('INVALID_TILE'));
    expect(() => encodeTile(Array(257).fill(naiveRoot([])))).toThrowError(code('INVALID_TILE'));
    expect(() => encodeTile([new Uint8Array(31)])).toThrowError(code('INVALID_HASH'));
  });
});
