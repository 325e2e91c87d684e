import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  naiveConsistencyProof,
  naiveInclusionProof,
  naiveRoot,
  nodeStore,
  numberedLeaves,
} from '../test/naive-tree.ts';
import { leafHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import {
  assembleProof,
  buildConsistencyProof,
  buildInclusionProof,
  consistencyProofNodes,
  inclusionProofNodes,
  type ProofNode,
  proofPositions,
} from './proof-nodes.ts';
import { MAX_TREE_SIZE } from './tree-size.ts';
import { rootFromInclusionProof, verifyConsistency, verifyInclusion } from './verify-proof.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const VECTORS = join(import.meta.dirname, '../test/vectors');

type Vector = Readonly<Record<'leafIdx' | 'treeSize' | 'size1' | 'size2', bigint>> &
  Readonly<Record<'root' | 'root1' | 'root2' | 'leafHash', string>> & {
    readonly proof: readonly string[] | null;
    readonly wantErr: boolean;
  };

function vectors(kind: string): [string, Vector][] {
  return readdirSync(join(VECTORS, kind), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => [name, parseVector(readFileSync(join(VECTORS, kind, name), 'utf8'))]);
}

/** JSON.parse, but with all numbers as bigint: some are past 2^53. */
function parseVector(text: string): Vector {
  return JSON.parse(text.replaceAll(/("\w+": )(\d+)/g, '$1"$2n"'), (_, value: unknown) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  );
}

const bytes = (base64: string) => Uint8Array.from(Buffer.from(base64, 'base64'));

describe('vectors of transparency-dev/merkle', () => {
  it('are all there', () => {
    expect([vectors('inclusion').length, vectors('consistency').length]).toStrictEqual([65, 57]);
  });

  it.each(vectors('inclusion'))('inclusion/%s', (_, vector) => {
    const verify = () =>
      verifyInclusion({
        index: vector.leafIdx,
        size: vector.treeSize,
        root: bytes(vector.root),
        leafHash: bytes(vector.leafHash),
        proof: (vector.proof ?? []).map(bytes),
      });
    if (vector.wantErr) expect(verify).toThrowError(MerkleError);
    else expect(verify).not.toThrowError();
  });

  it.each(vectors('consistency'))('consistency/%s', (_, vector) => {
    const verify = () =>
      verifyConsistency({
        size1: vector.size1,
        size2: vector.size2,
        root1: bytes(vector.root1),
        root2: bytes(vector.root2),
        proof: (vector.proof ?? []).map(bytes),
      });
    if (vector.wantErr) expect(verify).toThrowError(MerkleError);
    else expect(verify).not.toThrowError();
  });
});

describe('the nodes of proofs', () => {
  const names = (nodes: readonly ProofNode[]) =>
    nodes.map(({ level, index, parts }) =>
      parts.length === 1
        ? `${level}/${index}`
        : `${level}/${index}=${parts.map((p) => `${p.level}/${p.index}`).join('+')}`,
    );

  // RFC 6962, section 2.1.3: the tree of seven leaves. There a..f are 0/0..0/5, g, h, i are 1/0..1/2 and j is 0/6;
  // k is 2/0, l is the ephemeral node over 1/2 and 0/6.
  it.each([
    [0n, ['0/1', '1/1', '2/1=1/2+0/6']],
    [3n, ['0/2', '1/0', '2/1=1/2+0/6']],
    [4n, ['0/5', '0/6', '2/0']],
    [6n, ['1/2', '2/0']],
  ])('of leaf %i of seven are those of RFC 6962, section 2.1.3', (index, expected) => {
    expect(names(inclusionProofNodes({ index, size: 7n }))).toStrictEqual(expected);
  });

  it.each([
    [3n, ['0/2', '0/3', '1/0', '2/1=1/2+0/6']],
    [4n, ['2/1=1/2+0/6']],
    [6n, ['1/2', '0/6', '2/0']],
    [7n, []],
  ])('from size %i to 7 are those of RFC 6962, section 2.1.3', (size1, expected) => {
    expect(names(consistencyProofNodes({ size1, size2: 7n }))).toStrictEqual(expected);
  });

  it('number at most 63 and 64 in the largest tree, and are all complete or ephemeral', () => {
    expect(inclusionProofNodes({ index: 0n, size: MAX_TREE_SIZE })).toHaveLength(63);
    expect(inclusionProofNodes({ index: MAX_TREE_SIZE - 1n, size: MAX_TREE_SIZE })).toHaveLength(62);
    expect(consistencyProofNodes({ size1: 2n ** 62n + 1n, size2: MAX_TREE_SIZE }).length).toBeLessThanOrEqual(64);
    for (const node of inclusionProofNodes({ index: 0n, size: MAX_TREE_SIZE }).slice(0, -1)) {
      expect(node.parts).toStrictEqual([{ level: node.level, index: node.index }]);
    }
  });
});

describe('building and verifying', () => {
  const LEAVES = numberedLeaves(70);

  it('makes the inclusion proofs of RFC 6962 for every leaf of every tree to 40', async () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = LEAVES.slice(0, size);
      const root = naiveRoot(leaves);
      for (const [i, leaf] of leaves.entries()) {
        const at = { index: BigInt(i), size: BigInt(size) };
        const proof = await buildInclusionProof({ ...at, getNodes: nodeStore(leaves) });
        expect(proof).toStrictEqual(naiveInclusionProof(i, leaves));
        verifyInclusion({ ...at, leafHash: leafHash(leaf), proof, root });
      }
    }
  });

  it('makes the consistency proofs of RFC 6962 between all sizes to 40', async () => {
    for (let size2 = 1; size2 <= 40; size2++) {
      const leaves = LEAVES.slice(0, size2);
      const root2 = naiveRoot(leaves);
      for (let size1 = 1; size1 <= size2; size1++) {
        const sizes = { size1: BigInt(size1), size2: BigInt(size2) };
        const proof = await buildConsistencyProof({ ...sizes, getNodes: nodeStore(leaves) });
        expect(proof).toStrictEqual(naiveConsistencyProof(size1, leaves));
        verifyConsistency({ ...sizes, proof, root1: naiveRoot(leaves.slice(0, size1)), root2 });
      }
    }
  });

  it('accepts an inclusion proof for no other index, size, leaf or hash', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), fc.nat(), fc.nat(), (size, pick, byte, other) => {
        const leaves = LEAVES.slice(0, size);
        const index = pick % size;
        const proof = naiveInclusionProof(index, leaves);
        const claim = {
          index: BigInt(index),
          size: BigInt(size),
          leafHash: leafHash(leaves[index] ?? new Uint8Array(0)),
          proof,
          root: naiveRoot(leaves),
        };
        verifyInclusion(claim);
        const flipped = proof.map((hash, i) => (i === byte % proof.length ? flip(hash, byte) : hash));
        const wrongIndex = BigInt(other % size);
        for (const wrong of [
          { proof: flipped },
          { proof: proof.slice(1) },
          { proof: proof.slice(0, -1) },
          { proof: [...proof, claim.leafHash] },
          { leafHash: flip(claim.leafHash, byte) },
          { root: flip(claim.root, byte) },
          { size: claim.index },
          ...(wrongIndex === claim.index ? [] : [{ index: wrongIndex }]),
        ]) {
          expect(() => verifyInclusion({ ...claim, ...wrong })).toThrowError(MerkleError);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('accepts a consistency proof for no other roots, sizes or hashes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 70 }), fc.nat(), fc.nat(), (size2, pick, byte) => {
        const leaves = LEAVES.slice(0, size2);
        const size1 = 1 + (pick % (size2 - 1));
        const proof = naiveConsistencyProof(size1, leaves);
        const claim = {
          size1: BigInt(size1),
          size2: BigInt(size2),
          root1: naiveRoot(leaves.slice(0, size1)),
          root2: naiveRoot(leaves),
          proof,
        };
        verifyConsistency(claim);
        const flipped = proof.map((hash, i) => (i === byte % proof.length ? flip(hash, byte) : hash));
        for (const wrong of [
          { proof: flipped },
          { proof: proof.slice(1) },
          { proof: proof.slice(0, -1) },
          { proof: [...proof, claim.root1] },
          { root1: flip(claim.root1, byte) },
          { root2: flip(claim.root2, byte) },
          { root1: claim.root2, root2: claim.root1 },
          { size1: claim.size2 },
          { size1: 0n },
        ]) {
          expect(() => verifyConsistency({ ...claim, ...wrong })).toThrowError(MerkleError);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('works at the far end of the largest tree', async () => {
    const index = MAX_TREE_SIZE - 1n;
    const hash = leafHash(Uint8Array.of(7));
    const getNodes = (positions: readonly unknown[]) => positions.map(() => hash);
    const proof = await buildInclusionProof({ index, size: MAX_TREE_SIZE, getNodes });
    const claim = { index, size: MAX_TREE_SIZE, leafHash: hash, proof };
    verifyInclusion({ ...claim, root: rootFromInclusionProof(claim) });
    expect(() => rootFromInclusionProof({ ...claim, index: index - 1n })).toThrowError(code('INVALID_PROOF'));
  });
});

describe('what is refused, and how', () => {
  const hash = leafHash(new Uint8Array(0));

  it.each([
    [-1n, 4n, 'INVALID_INDEX'],
    [4n, 4n, 'INVALID_INDEX'],
    [0n, 0n, 'INVALID_INDEX'],
    [0n, -1n, 'INVALID_SIZE'],
    [0n, MAX_TREE_SIZE + 1n, 'INVALID_SIZE'],
    [2n ** 64n - 1n, 2n ** 64n, 'INVALID_SIZE'],
  ])('leaf %i in a tree of %i: %s', async (index, size, expected) => {
    expect(() => inclusionProofNodes({ index, size })).toThrowError(code(expected));
    expect(() => rootFromInclusionProof({ index, size, leafHash: hash, proof: [] })).toThrowError(code(expected));
    await expect(buildInclusionProof({ index, size, getNodes: () => [] })).rejects.toThrowError(code(expected));
  });

  it.each([
    [0n, 0n],
    [0n, 4n],
    [5n, 4n],
    [-1n, 4n],
    [1n, MAX_TREE_SIZE + 1n],
  ])('consistency from %i to %i', async (size1, size2) => {
    const roots = { root1: hash, root2: hash, proof: [] };
    expect(() => consistencyProofNodes({ size1, size2 })).toThrowError(code('INVALID_SIZE'));
    expect(() => verifyConsistency({ size1, size2, ...roots })).toThrowError(code('INVALID_SIZE'));
    await expect(buildConsistencyProof({ size1, size2, getNodes: () => [] })).rejects.toThrowError(
      code('INVALID_SIZE'),
    );
  });

  it('says which kind of wrong a proof is', () => {
    const claim = { index: 0n, size: 2n, leafHash: hash, proof: [hash], root: hash };
    expect(() => verifyInclusion(claim)).toThrowError(code('ROOT_MISMATCH'));
    expect(() => verifyInclusion({ ...claim, proof: [] })).toThrowError(code('INVALID_PROOF'));
    expect(() => verifyInclusion({ ...claim, proof: [hash.subarray(1)] })).toThrowError(code('INVALID_HASH'));
    expect(() => verifyInclusion({ ...claim, leafHash: new Uint8Array(33) })).toThrowError(code('INVALID_HASH'));
    const trees = { size1: 1n, size2: 2n, root1: hash, root2: hash, proof: [hash] };
    expect(() => verifyConsistency(trees)).toThrowError(code('ROOT_MISMATCH'));
    expect(() => verifyConsistency({ ...trees, proof: Array(65).fill(hash) })).toThrowError(code('INVALID_PROOF'));
    expect(() => verifyConsistency({ ...trees, size2: 1n })).toThrowError(code('INVALID_PROOF'));
  });

  it('notices a store that does not deliver', async () => {
    const at = { index: 0n, size: 4n };
    for (const bad of [[], [hash], [hash, hash, hash], [hash, new Uint8Array(31)]]) {
      await expect(buildInclusionProof({ ...at, getNodes: async () => bad })).rejects.toThrowError(
        code('NODE_MISSING'),
      );
      expect(() => assembleProof(inclusionProofNodes(at), bad)).toThrowError(code('NODE_MISSING'));
    }
    const lost = new Error('connection lost');
    await expect(buildInclusionProof({ ...at, getNodes: () => Promise.reject(lost) })).rejects.toBe(lost);
  });

  it('asks for no nodes when the proof is empty', async () => {
    const never = () => Promise.reject(new Error('asked'));
    await expect(buildInclusionProof({ index: 0n, size: 1n, getNodes: never })).resolves.toStrictEqual([]);
    await expect(buildConsistencyProof({ size1: 5n, size2: 5n, getNodes: never })).resolves.toStrictEqual([]);
    expect(proofPositions(consistencyProofNodes({ size1: 5n, size2: 5n }))).toStrictEqual([]);
  });
});

function flip(hash: Uint8Array, bit: number): Uint8Array {
  return hash.map((byte, i) => (i === bit % 32 ? byte ^ (1 << (bit % 8)) : byte));
}
