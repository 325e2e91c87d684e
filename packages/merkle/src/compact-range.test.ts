import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naiveRoot, nodeStore, numberedLeaves } from '../test/naive-tree.ts';
import { CompactRange } from './compact-range.ts';
import { leafHash } from './hash.ts';
import { type NodePosition, rangeNodes } from './node-position.ts';
import { MAX_TREE_SIZE } from './tree-size.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

// transparency-dev/merkle, testonly/constants.go.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (leaf) => Uint8Array.from(Buffer.from(leaf, 'hex')),
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const NODES_OF_SEVEN = [
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
  'b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f',
];

function rangeOf(leaves: readonly Uint8Array[], begin = 0n): CompactRange {
  const range = CompactRange.empty(begin);
  range.appendAll(leaves.map(leafHash));
  return range;
}

describe('the classic tree of eight leaves', () => {
  it('has the known root at every size', () => {
    const range = CompactRange.empty();
    const roots = [hex(range.root())];
    for (const leaf of LEAVES) {
      range.append(leafHash(leaf));
      roots.push(hex(range.root()));
    }
    expect(roots).toStrictEqual(ROOTS);
  });

  it('has the known right edge at seven leaves', () => {
    expect(rangeOf(LEAVES.slice(0, 7)).hashes.map(hex)).toStrictEqual(NODES_OF_SEVEN);
  });
});

describe('rangeNodes', () => {
  it.each([
    [0n, 0n, []],
    [0n, 8n, ['3/0']],
    [0n, 7n, ['2/0', '1/2', '0/6']],
    [1n, 8n, ['0/1', '1/1', '2/1']],
    [3n, 14n, ['0/3', '2/1', '2/2', '1/6']],
    [0n, MAX_TREE_SIZE, Array.from({ length: 63 }, (_, i) => `${62 - i}/${2n ** BigInt(i + 1) - 2n}`)],
  ])('covers %i to %i with the fewest nodes', (begin, end, expected) => {
    expect(rangeNodes({ begin, end }).map(({ level, index }) => `${level}/${index}`)).toStrictEqual(expected);
  });

  it.each([
    [-1n, 4n],
    [5n, 4n],
    [0n, MAX_TREE_SIZE + 1n],
  ])('refuses the range %i to %i', (begin, end) => {
    expect(() => rangeNodes({ begin, end })).toThrowError(code('INVALID_SIZE'));
  });

  it('needs at most 126 nodes', () => {
    expect(rangeNodes({ begin: 1n, end: MAX_TREE_SIZE })).toHaveLength(124);
    expect(rangeNodes({ begin: 1n, end: MAX_TREE_SIZE }).length).toBeLessThanOrEqual(126);
  });
});

describe('CompactRange', () => {
  it('has the root of the naive tree at every size to 300', () => {
    const leaves = numberedLeaves(300);
    const range = CompactRange.empty();
    for (const [i, leaf] of leaves.entries()) {
      range.append(leafHash(leaf));
      if (i % 7 === 0 || i > 250) expect(range.root()).toStrictEqual(naiveRoot(leaves.slice(0, i + 1)));
    }
  });

  it('holds the complete nodes of rangeNodes, wherever it begins', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), (begin, length) => {
        const leaves = numberedLeaves(begin + length);
        const range = rangeOf(leaves.slice(begin), BigInt(begin));
        const positions = rangeNodes({ begin: BigInt(begin), end: BigInt(begin + length) });
        expect(range.hashes).toStrictEqual(nodeStore(leaves)(positions));
      }),
      { numRuns: 60 },
    );
  });

  it('tells the visitor each leaf and each node that becomes complete, once, bottom-up', () => {
    const leaves = numberedLeaves(45);
    const store = nodeStore(leaves);
    const seen: NodePosition[] = [];
    CompactRange.empty().appendAll(leaves.map(leafHash), (position, hash) => {
      expect(hash).toStrictEqual(store([position])[0]);
      seen.push(position);
    });
    const complete = Array.from({ length: 6 }, (_, level) => Math.floor(45 / 2 ** level));
    expect(seen).toHaveLength(complete.reduce((a, b) => a + b));
    expect(new Set(seen.map(({ level, index }) => `${level}/${index}`)).size).toBe(seen.length);
    expect(seen.slice(0, 8).map(({ level, index }) => `${level}/${index}`)).toStrictEqual([
      '0/0',
      '0/1',
      '1/0',
      '0/2',
      '0/3',
      '1/1',
      '2/0',
      '0/4',
    ]);
  });

  it('tells the visitor of the root the ephemeral nodes', () => {
    const range = rangeOf(LEAVES.slice(0, 7));
    const seen: string[] = [];
    const root = range.root(({ level, index }, hash) => {
      seen.push(`${level}/${index} ${hex(hash)}`);
    });
    expect(seen).toStrictEqual([`2/1 ${hex(naiveRoot(LEAVES.slice(4, 7)))}`, `3/0 ${hex(root)}`]);
    expect(hex(root)).toBe(ROOTS[7]);
  });

  it('merges ranges that were hashed apart into the same tree', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(60), { minLength: 1, maxLength: 6 }), (lengths) => {
        const leaves = numberedLeaves(lengths.reduce((a, b) => a + b));
        const whole = CompactRange.empty();
        const seen = new Set<string>();
        const visit = ({ level, index }: NodePosition) => seen.add(`${level}/${index}`);
        let at = 0;
        for (const length of lengths) {
          const part = CompactRange.empty(BigInt(at));
          part.appendAll(leaves.slice(at, at + length).map(leafHash), visit);
          whole.merge(part, visit);
          at += length;
        }
        const direct = new Set<string>();
        CompactRange.empty().appendAll(leaves.map(leafHash), ({ level, index }) => direct.add(`${level}/${index}`));
        expect(whole.end).toBe(BigInt(leaves.length));
        expect(whole.root()).toStrictEqual(naiveRoot(leaves));
        expect(seen).toStrictEqual(direct);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses to merge over a gap or an overlap', () => {
    for (const begin of [4n, 6n]) {
      const range = rangeOf(LEAVES.slice(0, 5));
      expect(() => range.merge(rangeOf(LEAVES.slice(0, 1), begin))).toThrowError(code('INVALID_RANGE'));
      expect(hex(range.root())).toBe(ROOTS[5]);
    }
  });

  it('comes back from its bytes and grows on', () => {
    for (let size = 0; size < 8; size++) {
      const restored = CompactRange.deserialize(rangeOf(LEAVES.slice(0, size)).serialize());
      expect(restored.end).toBe(BigInt(size));
      restored.appendAll(LEAVES.slice(size).map(leafHash));
      expect(hex(restored.root())).toBe(ROOTS[8]);
    }
  });

  it('writes bounds as big-endian 64-bit integers, then the hashes', () => {
    expect(hex(rangeOf(LEAVES.slice(0, 7)).serialize())).toBe(
      `00000000000000000000000000000007${NODES_OF_SEVEN.join('')}`,
    );
  });

  it('comes back from the hashes of rangeNodes', () => {
    const leaves = numberedLeaves(77);
    const hashes = nodeStore(leaves)(rangeNodes({ begin: 0n, end: 77n }));
    expect(CompactRange.fromHashes({ begin: 0n, end: 77n, hashes }).root()).toStrictEqual(naiveRoot(leaves));
  });

  it.each([
    ['nothing', ''],
    ['half a header', '0000000000000000'],
    ['a hash too few', '00000000000000000000000000000001'],
    ['a hash too many', `00000000000000000000000000000001${'00'.repeat(64)}`],
    ['half a hash', `00000000000000000000000000000001${'00'.repeat(16)}`],
    ['an end before its begin', `00000000000000020000000000000001${'00'.repeat(32)}`],
    ['an end past 2^63-1', `00000000000000008000000000000000${'00'.repeat(32)}`],
    ['more hashes than any range', `00000000000000007fffffffffffffff${'00'.repeat(32 * 127)}`],
  ])('refuses a stored state of %s', (_, stored) => {
    expect(() => CompactRange.deserialize(Buffer.from(stored, 'hex'))).toThrowError(code('INVALID_RANGE'));
  });

  it('stays as it was when an append fails', () => {
    const range = rangeOf(LEAVES.slice(0, 3));
    const before = range.serialize();
    expect(() => range.appendAll([leafHash(Uint8Array.of(1)), new Uint8Array(31)])).toThrowError(code('INVALID_HASH'));
    const stop = new Error('disk full');
    const failAt = (level: number) => (position: NodePosition) => {
      if (position.level === level) throw stop;
    };
    expect(() => range.append(leafHash(Uint8Array.of(1)), failAt(2))).toThrowError(stop);
    expect(() => range.merge(rangeOf(LEAVES.slice(3, 5), 3n), failAt(1))).toThrowError(stop);
    expect(range.serialize()).toStrictEqual(before);
  });

  it('is full at 2^63-1 leaves', () => {
    const hashes = rangeNodes({ begin: 0n, end: MAX_TREE_SIZE }).map(() => leafHash(new Uint8Array(0)));
    const full = CompactRange.fromHashes({ begin: 0n, end: MAX_TREE_SIZE, hashes });
    expect(() => full.append(leafHash(new Uint8Array(0)))).toThrowError(code('INVALID_SIZE'));
    expect(() => CompactRange.empty(MAX_TREE_SIZE + 1n)).toThrowError(code('INVALID_SIZE'));
    expect(() => CompactRange.empty(-1n)).toThrowError(code('INVALID_SIZE'));
    expect(CompactRange.deserialize(full.serialize()).root()).toStrictEqual(full.root());
  });

  it('has a root only if it begins at 0', () => {
    expect(() => rangeOf(LEAVES, 8n).root()).toThrowError(code('INVALID_RANGE'));
  });

  it('grows apart from its clone, and gives no access to its own root', () => {
    const range = rangeOf(LEAVES.slice(0, 1));
    const clone = range.clone();
    clone.append(leafHash(Uint8Array.of(0)));
    range.root().fill(0);
    expect(hex(range.root())).toBe(ROOTS[1]);
    expect(hex(clone.root())).toBe(ROOTS[2]);
  });
});
