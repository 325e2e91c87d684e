import { describe, expect, test } from 'vitest';
import { decideCheckpoint, type ProposedCheckpoint, type SignedCheckpoint } from './checkpoint.ts';

const ROOT = new Uint8Array(32).fill(1);
const OTHER_ROOT = new Uint8Array(32).fill(2);
const LAST: SignedCheckpoint = { treeSize: 8n, rootHash: ROOT, noteBody: 'body', signature: new Uint8Array(64) };

function proposed(changes: Partial<ProposedCheckpoint>): ProposedCheckpoint {
  return { treeSize: 9n, rootHash: OTHER_ROOT, oldSize: 8n, consistencyProof: [], ...changes };
}

describe('decideCheckpoint', () => {
  test('answers the last size and root with the first signature, whatever proof comes with it', () => {
    const again = proposed({ treeSize: 8n, rootHash: ROOT.slice(), oldSize: 3n });
    expect(decideCheckpoint(LAST, again)).toEqual({ kind: 'repeat', checkpoint: LAST });
  });

  test('asks for a proof from the last one', () => {
    expect(decideCheckpoint(LAST, proposed({}))).toEqual({ kind: 'prove', from: LAST });
  });

  test('takes the first checkpoint, and one after the empty tree, without a proof', () => {
    expect(decideCheckpoint(undefined, proposed({ oldSize: 0n }))).toEqual({ kind: 'prove', from: undefined });
    const empty = { ...LAST, treeSize: 0n };
    expect(decideCheckpoint(empty, proposed({ oldSize: 0n }))).toEqual({ kind: 'prove', from: undefined });
  });

  test.each<[string, SignedCheckpoint | undefined, Partial<ProposedCheckpoint>, string]>([
    ['another root of the same size', LAST, { treeSize: 8n }, '8'],
    ['a smaller size', LAST, { treeSize: 7n }, '8'],
    ['a smaller size with the same root', LAST, { treeSize: 7n, rootHash: ROOT }, '8'],
    ['a proof from a smaller size', LAST, { oldSize: 7n }, '8'],
    ['a proof from a greater size', LAST, { oldSize: 9n }, '8'],
    ['a first checkpoint that claims an older one', undefined, { oldSize: 1n }, '0'],
    ['a proof where there is nothing to prove', undefined, { oldSize: 0n, consistencyProof: [ROOT] }, '0'],
  ])('refuses %s', (_what, last, changes, signedSize) => {
    expect(() => decideCheckpoint(last, proposed(changes))).toThrow(
      expect.objectContaining({ code: 'checkpoint-fork', metadata: { signed_size: signedSize } }),
    );
  });
});
