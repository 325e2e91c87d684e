import { beforeAll, describe, expect, it } from 'vitest';
import { naiveInclusionProof, naiveRoot, numberedLeaves } from '../test/naive-tree.ts';
import { ARCHE } from '../test/published-notes.ts';
import { testSigner } from '../test/test-signer.ts';
import { leafHash } from './hash.ts';
import { noteVerifier } from './note-verifier.ts';
import { signCheckpoint } from './signed-checkpoint.ts';
import { formatTlogProof, parseTlogProof, verifyTlogProof } from './tlog-proof.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const LOG = testSigner('log.example/audit', { seed: new Uint8Array(32).fill(1) });
const LEAVES = numberedLeaves(11);
const POLICY = {
  origin: 'log.example/audit',
  logKeys: [noteVerifier({ name: LOG.name, publicKey: LOG.publicKey, type: 'ed25519' })],
};
const leaf = (index: number) => leafHash(LEAVES[index] ?? new Uint8Array(0));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

let checkpoint = '';
let file = '';

beforeAll(async () => {
  checkpoint = await signCheckpoint({ origin: POLICY.origin, size: 11n, root: naiveRoot(LEAVES) }, LOG);
  file = formatTlogProof({ index: 3n, proof: naiveInclusionProof(3, LEAVES), checkpoint });
});

describe('tlog-proof files', () => {
  it('are written line by line as C2SP tlog-proof says', () => {
    const hashes = naiveInclusionProof(3, LEAVES).map((hash) => `${base64(hash)}\n`);
    expect(file).toBe(`c2sp.org/tlog-proof@v1\nindex 3\n${hashes.join('')}\n${checkpoint}`);
    const extra = Buffer.from('extra information');
    expect(formatTlogProof({ index: 0n, proof: [], extra, checkpoint: ARCHE.note })).toBe(
      `c2sp.org/tlog-proof@v1\nextra ZXh0cmEgaW5mb3JtYXRpb24=\nindex 0\n\n${ARCHE.note}`,
    );
  });

  it('come back as what they were made from', () => {
    const proof = naiveInclusionProof(3, LEAVES);
    expect(parseTlogProof(file)).toStrictEqual({ index: 3n, proof, checkpoint });
    const extra = Uint8Array.of(1, 2, 3);
    const with63 = { index: 2n ** 63n - 1n, proof: Array(63).fill(leaf(0)), checkpoint, extra };
    expect(parseTlogProof(Buffer.from(formatTlogProof(with63)))).toStrictEqual(with63);
  });

  it('verify offline for each leaf of the log', async () => {
    for (const index of LEAVES.keys()) {
      const made = formatTlogProof({ index: BigInt(index), proof: naiveInclusionProof(index, LEAVES), checkpoint });
      const verified = verifyTlogProof(made, { leafHash: leaf(index), policy: POLICY });
      expect([verified.index, verified.checkpoint.size]).toStrictEqual([BigInt(index), 11n]);
      expect(verified.logSignatures).toHaveLength(1);
    }
  });

  it('verify for no other leaf, index, log or signature', () => {
    const expected = { leafHash: leaf(3), policy: POLICY };
    const wrong = (changed: string, errorCode: string) =>
      expect(() => verifyTlogProof(changed, expected)).toThrowError(code(errorCode));
    expect(() => verifyTlogProof(file, { ...expected, leafHash: leaf(2) })).toThrowError(code('ROOT_MISMATCH'));
    wrong(file.replace('index 3', 'index 2'), 'ROOT_MISMATCH');
    wrong(file.replace('index 3', 'index 11'), 'INVALID_INDEX');
    wrong(file.replace('index 3', 'index 10'), 'INVALID_PROOF');
    wrong(file.replace('\n11\n', '\n12\n'), 'BAD_SIGNATURE');
    wrong(file.replace('— log.example/audit', '— log.example/other'), 'UNTRUSTED');
    const elsewhere = { ...expected, policy: { ...POLICY, origin: 'log.example/other' } };
    expect(() => verifyTlogProof(file, elsewhere)).toThrowError(code('ORIGIN_MISMATCH'));
  });

  it.each<[string, (good: string) => string]>([
    ['nothing', () => ''],
    ['another header', (good) => good.replace('@v1', '@v2')],
    ['a line before the header', (good) => `\n${good}`],
    ['no index', (good) => good.replace('index 3\n', '')],
    ['an index with a leading zero', (good) => good.replace('index 3', 'index 03')],
    ['a negative index', (good) => good.replace('index 3', 'index -3')],
    ['an index of 2^63', (good) => good.replace('index 3', `index ${2n ** 63n}`)],
    ['extra after the index', (good) => good.replace('index 3\n', 'index 3\nextra YWJj\n')],
    ['extra twice', (good) => good.replace('index', 'extra YWJj\nextra YWJj\nindex')],
    ['empty extra', (good) => good.replace('index', 'extra \nindex')],
    ['extra that is not base64', (good) => good.replace('index', 'extra YWJ\nindex')],
    ['a short hash', (good) => good.replace('index 3\n', 'index 3\nYWJj\n')],
    ['a hash with a space', (good) => good.replace('=\n', '= \n')],
    ['64 hashes', (good) => good.replace('index 3\n', `index 3\n${`${'A'.repeat(43)}=\n`.repeat(64)}`)],
    ['no checkpoint', (good) => good.slice(0, good.indexOf('\n\n') + 2)],
    ['no blank line', (good) => good.replace('\n\n', '\n')],
    ['two blank lines', (good) => good.replace('\n\n', '\n\n\n\n')],
    ['a checkpoint without signatures', (good) => good.slice(0, good.lastIndexOf('\n\n') + 1)],
    ['carriage returns', (good) => good.replaceAll('\n', '\r\n')],
    ['more than a million bytes', (good) => good.replace('index', `extra ${'A'.repeat(1_000_000)}\nindex`)],
  ])('with %s are refused', (_, spoil) => {
    const bad = spoil(file);
    expect(bad).not.toBe(file);
    expect(() => parseTlogProof(bad)).toThrowError(code('INVALID_TLOG_PROOF'));
    expect(() => parseTlogProof(Buffer.from(bad))).toThrowError(code('INVALID_TLOG_PROOF'));
  });

  it('are not written of what could not be read', () => {
    const good = parseTlogProof(file);
    for (const change of [
      { index: -1n },
      { proof: [new Uint8Array(31)] },
      { proof: Array(64).fill(leaf(0)) },
      { extra: new Uint8Array(0) },
      { checkpoint: 'no note' },
      { checkpoint: `\n${checkpoint}` },
    ]) {
      expect(() => formatTlogProof({ ...good, ...change })).toThrowError(code('INVALID_TLOG_PROOF'));
    }
  });
});
