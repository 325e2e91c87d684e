import { createHash } from 'node:crypto';
import { verifySignature } from '@cert-tasks/x509';
import { describe, expect, test } from 'vitest';
import type { ProposedCheckpoint } from '../domain/checkpoint.ts';
import { InMemoryUnitOfWork } from '../testing/in-memory-unit-of-work.ts';
import { sampleCall } from '../testing/sample-call.ts';
import { SampleLog } from '../testing/sample-log.ts';
import { TestSigner } from '../testing/test-signer.ts';
import { disableKey } from './disable-key.ts';
import { signCheckpoint } from './sign-checkpoint.ts';

const ORIGIN = 'audit.example/log';
const LOG = new SampleLog();
const FORK = new SampleLog('forged-');

async function setUp() {
  const work = new InMemoryUnitOfWork(() => new Date());
  const signer = new TestSigner({ work, now: () => new Date() });
  const key = await signer.createKey('log', {
    policy: { purpose: 'log-checkpoint', origin: ORIGIN },
    algorithm: 'ed25519',
  });
  const sign = (proposed: ProposedCheckpoint) => signCheckpoint(signer, { keyName: key.name, proposed });
  return { work, signer, key, sign };
}

/** The honest log's checkpoint. */
function step(oldSize: number, size: number, log = LOG): ProposedCheckpoint {
  return {
    treeSize: BigInt(size),
    rootHash: log.root(size),
    oldSize: BigInt(oldSize),
    consistencyProof: log.proof(oldSize, size),
  };
}

describe('signCheckpoint', () => {
  test('signs the body of C2SP tlog-checkpoint, of every size that only appends, and tells of none', async () => {
    const { work, key, sign } = await setUp();
    const before = work.events.length;
    let last = 0;
    for (const size of [1, 2, 3, 7, 8, 9, 64, 65, 100]) {
      const { noteBody, signature } = await sign(step(last, size));
      expect(noteBody).toBe(`${ORIGIN}\n${size}\n${Buffer.from(LOG.root(size)).toString('base64')}\n`);
      const data = new TextEncoder().encode(noteBody);
      expect(verifySignature({ publicKey: key.publicKey, algorithm: 'ed25519', data, signature })).toBe(true);
      last = size;
    }
    expect(work.events.length).toBe(before);
  });

  test('answers the same size and root with what was signed first', async () => {
    const { sign } = await setUp();
    const first = await sign(step(0, 5));
    expect(await sign(step(0, 5))).toEqual(first);
    expect(await sign({ ...step(0, 5), oldSize: 5n })).toEqual(first);
  });

  test.each<[string, ProposedCheckpoint]>([
    ['another root of the size', { ...step(0, 8), rootHash: FORK.root(8) }],
    ['a smaller size', step(0, 7)],
    ['a longer forged log with its own proof', step(8, 12, FORK)],
    ['a longer forged log with the honest proof', { ...step(8, 12), rootHash: FORK.root(12) }],
    ['a longer log without a proof', { ...step(8, 12), consistencyProof: [] }],
    ['a longer log proved from another size', step(7, 12)],
    ['a proof with a hash too many', { ...step(8, 12), consistencyProof: [...LOG.proof(8, 12), LOG.root(1)] }],
    ['a proof that claims to start from nothing', { ...step(0, 12) }],
  ])('refuses %s, and goes on with the honest log', async (_what, forged) => {
    const { sign } = await setUp();
    await sign(step(0, 8));
    await expect(sign(forged)).rejects.toMatchObject({ code: 'checkpoint-fork', metadata: { signed_size: '8' } });
    await expect(sign(step(8, 12))).resolves.toMatchObject({ treeSize: 12n });
  });

  test('of two sequencers that race with different trees one wins', async () => {
    const { sign } = await setUp();
    await sign(step(0, 8));
    const forked: ProposedCheckpoint = { ...step(8, 9), rootHash: LOG.root(10), consistencyProof: LOG.proof(8, 10) };
    const results = await Promise.allSettled([sign(step(8, 10)), sign(forked), sign(step(8, 9)), sign(step(8, 10))]);
    const signed = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(new Set(signed.map(({ treeSize }) => treeSize)).size).toBe(1);
    expect(new Set(signed.map(({ noteBody }) => noteBody)).size).toBe(1);
  });

  test('the empty tree has one root', async () => {
    const { sign } = await setUp();
    await expect(sign({ ...step(0, 0), rootHash: LOG.root(1) })).rejects.toMatchObject({
      code: 'invalid-argument',
      field: 'root_hash',
    });
    const empty = await sign(step(0, 0));
    expect(empty.rootHash).toEqual(new Uint8Array(createHash('sha256').digest()));
    await expect(sign(step(0, 3))).resolves.toMatchObject({ treeSize: 3n });
  });

  test('takes enabled keys for checkpoints only', async () => {
    const { signer, key, sign } = await setUp();
    const ca = await signer.createKey('ca');
    const proposed = step(0, 1);
    await expect(signCheckpoint(signer, { keyName: ca.name, proposed })).rejects.toMatchObject({
      code: 'outside-key-policy',
    });
    await expect(signCheckpoint(signer, { keyName: { project: 'other', key: 'log' }, proposed })).rejects.toMatchObject(
      { code: 'key-not-found' },
    );
    const disabling = { name: key.name, etag: undefined, reason: '', request: undefined, call: sampleCall() };
    const stale = await signer.openedKeys.getOne(key.name);
    expect(stale.state).toBe('usable');
    await disableKey(
      { ...signer, openedKeys: new TestSigner({ ...signer, now: signer.clock.now }).openedKeys },
      disabling,
    );
    await expect(sign(proposed)).rejects.toMatchObject({ code: 'key-disabled' });
  });
});
