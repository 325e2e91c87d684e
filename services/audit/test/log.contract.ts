import { Result } from '@cert-tasks/contracts/event/v1';
import {
  buildConsistencyProof,
  leafHash,
  nodesFromTiles,
  noteVerifier,
  verifyConsistency,
  verifyInclusion,
  verifyTlogProof,
} from '@cert-tasks/merkle';
import { expect, test } from 'vitest';
import { getEntry } from '../src/application/get-entry.ts';
import { listEntries } from '../src/application/list-entries.ts';
import type { CheckpointStore } from '../src/application/ports/checkpoint-store.ts';
import type { LogReader } from '../src/application/ports/log-reader.ts';
import type { LogWork, WriteRight } from '../src/application/ports/log-work.ts';
import { proveConsistency } from '../src/application/prove-consistency.ts';
import { proveInclusion } from '../src/application/prove-inclusion.ts';
import { publishCheckpoint } from '../src/application/publish-checkpoint.ts';
import { type SequencedBatch, sequenceEvents } from '../src/application/sequence-events.ts';
import type { EntryCondition } from '../src/domain/entry-query.ts';
import type { LogEntry } from '../src/domain/log-entry.ts';
import type { OwnEvent } from '../src/domain/own-event.ts';
import { treeRange } from '../src/domain/tree-growth.ts';
import { type EventFields, sampleEntries, sampleEntry, sampleId } from '../src/testing/sample-events.ts';
import { TestWitness } from '../src/testing/test-witness.ts';

/** A log of a test's own. */
export interface LogUnderTest {
  readonly work: LogWork;
  readonly reader: LogReader;
  readonly checkpoints: CheckpointStore;
  /** Rights that stand, of the sequencer and of whoever publishes. */
  readonly right: WriteRight;
  readonly checkpointRight: WriteRight;
  /** Events of its own that it told. */
  told(): Promise<readonly Pick<OwnEvent, 'type' | 'reason' | 'subject'>[]>;
  /** Number of conflicts recorded. */
  conflictCount(): Promise<number>;
}

/** What every log has to do, whatever it is kept in. */
export function logContract(makeLog: () => Promise<LogUnderTest>): void {
  const append = (
    log: LogUnderTest,
    next: readonly LogEntry[],
    repeats: readonly LogEntry[] = [],
  ): Promise<SequencedBatch> => sequenceEvents(log.work, { right: log.right, next, repeats });
  const event = (number: bigint, change: EventFields = {}): LogEntry => sampleEntry({ source: 'cert', number }, change);

  test('entries get consecutive indexes, and sources their positions', async () => {
    const log = await makeLog();
    const batch = await append(log, [...sampleEntries('cert', 1n, 3n), ...sampleEntries('signer', 1n, 2n)]);
    expect(batch).toMatchObject({ size: 5n, conflicts: [] });
    expect(await log.reader.positions()).toEqual(
      new Map([
        ['cert', 3n],
        ['signer', 2n],
      ]),
    );
    await append(log, sampleEntries('signer', 3n, 3n));
    const entry = await getEntry(log.reader, { project: 'acme', eventId: sampleId('signer', 3n) });
    expect(entry).toMatchObject({ index: 5n, leafData: sampleEntry({ source: 'signer', number: 3n }).leafData });
    expect(JSON.parse(entry.body?.canonicalEvent ?? '')).toMatchObject({ source: 'signer', number: '3' });
    expect((await log.reader.tree()).size).toBe(6n);
  });

  test('what is in the log is skipped when it comes again, as next or as repeat', async () => {
    const log = await makeLog();
    await append(log, sampleEntries('cert', 1n, 4n));
    const batch = await append(log, sampleEntries('cert', 3n, 6n), sampleEntries('cert', 1n, 2n));
    expect(batch.appended.map(({ number }) => number)).toEqual([5n, 6n]);
    expect(batch).toMatchObject({ size: 6n, conflicts: [] });
  });

  test('what would leave a gap is left alone', async () => {
    const log = await makeLog();
    const batch = await append(log, [event(1n), event(3n), event(4n)]);
    expect(batch.appended.map(({ number }) => number)).toEqual([1n]);
    expect(batch.positions).toEqual(new Map([['cert', 1n]]));
  });

  test('another story under a number is recorded and told once, and overwrites nothing', async () => {
    const log = await makeLog();
    await append(log, sampleEntries('cert', 1n, 2n));
    const other = event(2n, { subject: 'projects/acme/certificates/forged' });
    for (const conflicts of [1, 0]) expect((await append(log, [], [other])).conflicts).toHaveLength(conflicts);
    expect((await append(log, [other])).conflicts).toHaveLength(0);
    expect(await log.conflictCount()).toBe(1);
    expect(await log.told()).toEqual([
      {
        type: 'conflict.detected',
        reason: 'NUMBER_REUSED',
        subject: `projects/system/auditEntries/${sampleId('cert', 2n)}`,
      },
    ]);
    const stands = await getEntry(log.reader, { project: 'acme', eventId: sampleId('cert', 2n) });
    expect(stands.body?.canonicalEvent).toContain('certificates/2"');
  });

  test('an event id that was used is entered by its hash, so that nothing behind it is blocked', async () => {
    const log = await makeLog();
    await append(log, [event(1n)]);
    const thief = event(2n, { id: sampleId('cert', 1n) });
    const twin = event(4n, { id: sampleId('cert', 3n) });
    const batch = await append(log, [thief, event(3n), twin, event(5n)]);
    expect(batch.appended.map(({ problem }) => problem)).toEqual([
      'its event id is that of entry 0',
      undefined,
      'its event id is that of entry 2',
      undefined,
    ]);
    expect(batch.conflicts.map(({ kind }) => kind)).toEqual(['event-id-reused', 'event-id-reused']);
    // The same event again is what is there, though its leaf is another.
    expect((await append(log, [], [thief, twin])).conflicts).toEqual([]);
  });

  test('a raw entry is an entry of the platform, without an event', async () => {
    const log = await makeLog();
    const raw = event(1n, { project: 'NO PROJECT' });
    await append(log, [raw, event(2n)]);
    const { entries } = await listEntries(log.reader, { project: 'system', ...everything });
    expect(entries).toMatchObject([{ index: 0n, eventId: raw.eventId, body: undefined, leafData: raw.leafData }]);
  });

  test('a project sees its own entries alone', async () => {
    const log = await makeLog();
    await append(log, [event(1n), event(2n, { project: 'other' })]);
    const foreign = { project: 'acme', eventId: sampleId('cert', 2n) };
    await expect(getEntry(log.reader, foreign)).rejects.toMatchObject({ code: 'entry-not-found' });
    await expect(proveInclusion(reading(log), { ...foreign, treeSize: 0n })).rejects.toMatchObject({
      code: 'entry-not-found',
    });
    const indexes = async (project: string, conditions: readonly EntryCondition[]) =>
      (await listEntries(log.reader, { project, ...everything, conditions })).entries.map(({ index }) => index);
    for (const conditions of [[], [{ field: 'source', value: 'cert' }]] as const) {
      expect(await indexes('acme', conditions)).toEqual([0n]);
      expect(await indexes('other', conditions)).toEqual([1n]);
      expect(await indexes('nobody', conditions)).toEqual([]);
    }
  });

  test('lists by each condition, both ways, a page after the other', async () => {
    const log = await makeLog();
    const at = (second: number) => ({ seconds: BigInt(second), nanos: 0 });
    await append(log, [
      event(1n, { type: 'a.a', time: at(1) }),
      event(2n, { subject: 's', time: at(2) }),
      event(3n, { actor: { id: 'bob' }, time: at(3) }),
      event(4n, { action: 'x', time: at(4) }),
      event(5n, { result: Result.REFUSED, time: at(5) }),
      sampleEntry({ source: 'signer', number: 1n }, { time: at(6) }),
    ]);
    const found = async (...conditions: EntryCondition[]) =>
      (await listEntries(log.reader, { project: 'acme', ...everything, conditions })).entries.map(({ index }) => index);
    expect(await found({ field: 'type', value: 'a.a' })).toEqual([0n]);
    expect(await found({ field: 'subject', value: 's' })).toEqual([1n]);
    expect(await found({ field: 'actor', value: 'bob' })).toEqual([2n]);
    expect(await found({ field: 'action', value: 'x' })).toEqual([3n]);
    expect(await found({ field: 'result', value: 'RESULT_REFUSED' })).toEqual([4n]);
    expect(await found({ field: 'source', value: 'signer' })).toEqual([5n]);
    const second = (n: number) => new Date(n * 1_000);
    expect(await found({ field: 'time', comparison: '<', value: second(2) })).toEqual([0n]);
    expect(await found({ field: 'time', comparison: '<=', value: second(2) })).toEqual([0n, 1n]);
    expect(await found({ field: 'time', comparison: '>', value: second(5) })).toEqual([5n]);
    expect(await found({ field: 'time', comparison: '>=', value: second(5) })).toEqual([4n, 5n]);
    expect(await found({ field: 'result', value: 'RESULT_SUCCESS' }, { field: 'actor', value: 'bob' })).toEqual([2n]);
    expect(await found({ field: 'type', value: 'a.a' }, { field: 'actor', value: 'bob' })).toEqual([]);
    for (const order of ['newest-first', 'oldest-first'] as const) {
      const pages: bigint[][] = [];
      for (let after: bigint | undefined, guard = 0; guard < 9; guard++) {
        const page = await listEntries(log.reader, { project: 'acme', conditions: [], order, after, limit: 4 });
        pages.push(page.entries.map(({ index }) => index));
        after = page.next;
        if (after === undefined) break;
      }
      const rising = [
        [0n, 1n, 2n, 3n],
        [4n, 5n],
      ];
      const falling = [
        [5n, 4n, 3n, 2n],
        [1n, 0n],
      ];
      expect(pages).toEqual(order === 'oldest-first' ? rising : falling);
    }
  });

  test('every entry is proved against a signed checkpoint, at each of its sizes', { timeout: 30_000 }, async () => {
    const log = await makeLog();
    const witness = new TestWitness();
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness };
    const leaves: Uint8Array[] = [];
    const sizes: bigint[] = [];
    let next = 1n;
    // Over tiles that are filled by one batch, by several, and exactly.
    for (const size of [1, 100, 156, 255, 520]) {
      const entries = sampleEntries('cert', next, next + BigInt(size) - 1n);
      next += BigInt(size);
      leaves.push(...(await append(log, entries)).appended.map(({ leafData }) => leafData));
      sizes.push((await publishCheckpoint(deps, log.checkpointRight)).size);
    }
    const { origin, publicKey } = await witness.logKey();
    const policy = { origin, logKeys: [noteVerifier({ name: origin, type: 'ed25519', publicKey })] };
    for (const size of [0n, ...sizes]) {
      const step = size === 0n ? 1 : 97;
      for (let i = 0; i < (size === 0n ? leaves.length : Number(size)); i += step) {
        const eventId = sampleId('cert', BigInt(i + 1));
        const proof = await proveInclusion(deps, { project: 'acme', eventId, treeSize: size });
        const hash = leafHash(leaves[i] ?? new Uint8Array());
        const { checkpoint, index } = verifyTlogProof(proof.tlogProof, { leafHash: hash, policy });
        expect(index).toBe(BigInt(i));
        expect(checkpoint.size).toBe(size === 0n ? BigInt(leaves.length) : size);
        verifyInclusion({ ...checkpoint, index, leafHash: hash, proof: proof.hashes });
      }
    }
    for (const oldSize of sizes) {
      const { hashes, newSize } = await proveConsistency(deps, { oldSize, newSize: 0n });
      const [old, latest] = [await log.checkpoints.find(oldSize), await log.checkpoints.latest()];
      if (old === undefined || latest === undefined) throw new Error('both were published');
      verifyConsistency({ size1: oldSize, size2: newSize, root1: old.root, root2: latest.root, proof: hashes });
    }
  });

  test('proofs are refused for what has no checkpoint, and sizes that do not fit', async () => {
    const log = await makeLog();
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness: new TestWitness() };
    await append(log, sampleEntries('cert', 1n, 3n));
    const prove = (number: bigint, treeSize: bigint) =>
      proveInclusion(deps, { project: 'acme', eventId: sampleId('cert', number), treeSize });
    const notYet = { code: 'not-yet-checkpointed', retryAfterMs: 1_000 };
    await expect(prove(1n, 0n)).rejects.toMatchObject(notYet);
    await expect(proveConsistency(deps, { oldSize: 1n, newSize: 0n })).rejects.toMatchObject(notYet);
    await publishCheckpoint(deps, log.checkpointRight);
    await append(log, sampleEntries('cert', 4n, 5n));
    await expect(prove(4n, 0n)).rejects.toMatchObject(notYet);
    await expect(prove(1n, 2n)).rejects.toMatchObject({ code: 'invalid-tree-size', field: 'tree_size' });
    await expect(prove(4n, 3n)).rejects.toMatchObject({ code: 'invalid-tree-size', field: 'tree_size' });
    for (const [oldSize, newSize, field] of [
      [0n, 3n, 'old_size'],
      [3n, 2n, 'old_size'],
      [1n, 4n, 'new_size'],
    ] as const) {
      await expect(proveConsistency(deps, { oldSize, newSize })).rejects.toMatchObject({
        code: 'invalid-tree-size',
        field,
      });
    }
    expect(await proveConsistency(deps, { oldSize: 3n, newSize: 3n })).toEqual({ hashes: [], newSize: 3n });
  });

  test('a held log takes nothing until a checkpoint is published', async () => {
    const log = await makeLog();
    await log.checkpoints.hold(log.checkpointRight, 'a fork');
    await expect(append(log, [event(1n)])).rejects.toMatchObject({ code: 'log-held' });
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness: new TestWitness() };
    expect((await publishCheckpoint(deps, log.checkpointRight)).size).toBe(0n);
    expect((await append(log, [event(1n)])).size).toBe(1n);
  });

  test('tells how it is', async () => {
    const log = await makeLog();
    expect(await log.reader.status()).toEqual({ size: 0n, heldReason: undefined, checkpoint: undefined });
    await append(log, sampleEntries('cert', 1n, 2n));
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness: new TestWitness() };
    await publishCheckpoint(deps, log.checkpointRight);
    await append(log, sampleEntries('cert', 3n, 3n));
    await log.checkpoints.hold(log.checkpointRight, 'a fork');
    expect(await log.reader.status()).toEqual({
      size: 3n,
      heldReason: 'a fork',
      checkpoint: { size: 2n, signedAt: expect.any(Date) },
    });
  });

  test('who has lost the lease writes nothing', async () => {
    const log = await makeLog();
    const stale = { fence: log.right.fence - 1n };
    await expect(sequenceEvents(log.work, { right: stale, next: [event(1n)], repeats: [] })).rejects.toThrow();
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness: new TestWitness() };
    await expect(publishCheckpoint(deps, { fence: log.checkpointRight.fence - 1n })).rejects.toThrow();
    await expect(log.checkpoints.hold({ fence: log.checkpointRight.fence - 1n }, 'x')).rejects.toThrow();
    expect((await log.reader.tree()).size).toBe(0n);
    expect(await log.checkpoints.latest()).toBeUndefined();
  });

  test('a checkpoint is published once for its size, and vouched for anew', async () => {
    const log = await makeLog();
    const deps = { log: log.reader, checkpoints: log.checkpoints, witness: new TestWitness() };
    await append(log, [event(1n)]);
    const first = await publishCheckpoint(deps, log.checkpointRight);
    await publishCheckpoint(deps, log.checkpointRight);
    expect(await log.checkpoints.latest()).toMatchObject(first);
    const forged = { ...first, signedNote: `${first.signedNote}x` };
    await expect(log.checkpoints.publish(log.checkpointRight, forged)).rejects.toMatchObject({
      code: 'bad-checkpoint-signature',
    });
    expect(await log.checkpoints.find(2n)).toBeUndefined();
  });

  test('the stored range is that of the entries', async () => {
    const log = await makeLog();
    for (const [from, to] of [
      [1n, 7n],
      [8n, 8n],
      [9n, 300n],
    ] as const)
      await append(log, sampleEntries('cert', from, to));
    const tree = await log.reader.tree();
    const getNodes = nodesFromTiles({ size: tree.size, getTiles: log.reader.tiles });
    const proof = await buildConsistencyProof({ size1: 299n, size2: 300n, getNodes });
    expect(proof.length).toBeGreaterThan(0);
    expect(treeRange(tree).end).toBe(300n);
  });
}

const everything = { conditions: [], order: 'oldest-first', after: undefined, limit: 100 } as const;

function reading({ reader, checkpoints }: LogUnderTest) {
  return { log: reader, checkpoints };
}
