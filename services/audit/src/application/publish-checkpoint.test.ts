import { generateKeyPairSync, sign } from 'node:crypto';
import {
  buildConsistencyProof,
  formatCheckpoint,
  nodesFromTiles,
  noteVerifier,
  verifyCheckpoint,
} from '@cert-tasks/merkle';
import { expect, test } from 'vitest';
import { treeRange } from '../domain/tree-growth.ts';
import { InMemoryLog } from '../testing/in-memory-log.ts';
import { sampleEntries, sampleEntry } from '../testing/sample-events.ts';
import { TestWitness } from '../testing/test-witness.ts';
import type { Witness } from './ports/witness.ts';
import { publishCheckpoint } from './publish-checkpoint.ts';
import { sequenceEvents } from './sequence-events.ts';

const RIGHT = { fence: 1n };

function setUp({ log = new InMemoryLog(), witness = new TestWitness() } = {}) {
  const append = (from: bigint, to: bigint) =>
    sequenceEvents(log, { right: RIGHT, next: sampleEntries('cert', from, to), repeats: [] });
  const publish = (by: Witness = witness) =>
    publishCheckpoint({ log, checkpoints: log.checkpoints, witness: by }, RIGHT);
  return { log, witness, append, publish };
}

test('publishes the empty tree, then each growth, as notes that verify', async () => {
  const { log, witness, append, publish } = setUp();
  expect((await publish()).size).toBe(0n);
  for (const [from, to] of [
    [1n, 1n],
    [2n, 7n],
    [8n, 300n],
  ] as const) {
    await append(from, to);
    const { signedNote, size, root, verifierKey } = await publish();
    const { checkpoint } = verifyCheckpoint(signedNote, {
      origin: witness.origin,
      logKeys: [noteVerifier(verifierKey)],
    });
    expect(checkpoint).toEqual({ origin: witness.origin, size: to, root });
    expect(size).toBe(to);
  }
  expect((await log.checkpoints.latest())?.size).toBe(300n);
});

test('after a crash between signature and commit the same tree gets the first signature', async () => {
  const { log, witness, append, publish } = setUp();
  await append(1n, 3n);
  await publish();
  await append(4n, 6n);
  const head = await headOf(log);
  const first = await witness.sign({ head, oldSize: 3n, consistencyProof: await proof(log, 3n, 6n) });
  const { size, signedNote } = await publish();
  expect(size).toBe(6n);
  expect(signedNote).toContain(first.noteBody);
});

test('where the tree has grown since that crash, it is proved from the size that the witness names', async () => {
  const { log, witness, append, publish } = setUp();
  await append(1n, 3n);
  await publish();
  await append(4n, 6n);
  const head = await headOf(log);
  await witness.sign({ head, oldSize: 3n, consistencyProof: await proof(log, 3n, 6n) });
  await append(7n, 20n);
  expect((await publish()).size).toBe(20n);
  expect(log.heldReason).toBeUndefined();
});

test('another replica that had a larger tree signed meanwhile is no fork', async () => {
  const { log, witness, append, publish } = setUp();
  await append(1n, 3n);
  await publish();
  // Between this replica's look at the tree and its question, the log grows and another one publishes.
  const racing: Witness = {
    logKey: () => witness.logKey(),
    sign: async (request) => {
      if (witness.signedSize === 3n) {
        await append(4n, 9n);
        await publish();
      }
      return witness.sign(request);
    },
  };
  expect((await publish(racing)).size).toBe(9n);
  expect(log.heldReason).toBeUndefined();
});

test('a witness that was restored is brought forward from what it has', async () => {
  const { append, publish } = setUp();
  await append(1n, 3n);
  await publish();
  await append(4n, 9n);
  expect((await publish(new TestWitness())).size).toBe(9n);
});

test('a log that is older than its witness is held, and publishes nothing', async () => {
  const witness = new TestWitness();
  const full = setUp({ witness });
  await full.append(1n, 9n);
  await full.publish();
  const restored = setUp({ witness });
  await restored.append(1n, 5n);
  await expect(restored.publish()).rejects.toMatchObject({ code: 'checkpoint-fork', metadata: { signed_size: '9' } });
  expect(restored.log.heldReason).toContain('older than its witness');
  expect(await restored.log.checkpoints.latest()).toBeUndefined();
  await expect(restored.append(6n, 6n)).rejects.toMatchObject({ code: 'log-held' });
});

test.each([
  ['as large', 9n],
  ['larger', 12n],
])('another tree that is %s is refused, and holds the log', async (_name, size) => {
  const witness = new TestWitness();
  const first = setUp({ witness });
  await first.append(1n, 9n);
  await first.publish();
  const forked = setUp({ witness });
  const next = [
    sampleEntry({ source: 'cert', number: 1n }, { subject: 'another' }),
    ...sampleEntries('cert', 2n, size),
  ];
  await sequenceEvents(forked.log, { right: RIGHT, next, repeats: [] });
  await expect(forked.publish()).rejects.toMatchObject({ code: 'checkpoint-fork' });
  expect(forked.log.heldReason).toBeDefined();
  expect(await forked.log.checkpoints.latest()).toBeUndefined();
});

test.each([
  [
    'another key',
    (body: string) => ({ noteBody: body, signature: new Uint8Array(sign(null, Buffer.from(body), otherKey)) }),
  ],
  ['another text', (body: string) => ({ noteBody: `${body}x\n`, signature: new Uint8Array(64) })],
  ['no signature', (body: string) => ({ noteBody: body, signature: new Uint8Array(0) })],
])('an answer with %s is not published', async (_name, answer) => {
  const { log, witness, append, publish } = setUp();
  await append(1n, 2n);
  const bad: Witness = {
    logKey: () => witness.logKey(),
    sign: async ({ head }) => answer(formatCheckpoint({ origin: witness.origin, ...head })),
  };
  await expect(publish(bad)).rejects.toMatchObject({ code: 'bad-checkpoint-signature' });
  expect(await log.checkpoints.latest()).toBeUndefined();
});

async function headOf(log: InMemoryLog) {
  const tree = await log.tree();
  return { size: tree.size, root: treeRange(tree).root() };
}

function proof(log: InMemoryLog, size1: bigint, size2: bigint) {
  return buildConsistencyProof({ size1, size2, getNodes: nodesFromTiles({ size: size2, getTiles: log.tiles }) });
}

const otherKey = generateKeyPairSync('ed25519').privateKey;
