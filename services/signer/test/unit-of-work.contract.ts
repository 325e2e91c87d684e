import { randomBytes, randomUUID } from 'node:crypto';
import { newId, systemClock } from '@cert-tasks/kernel';
import { describe, expect, test } from 'vitest';
import type { KeyMaterial } from '../src/application/ports/key-backend.ts';
import type { NewKey } from '../src/application/ports/key-store.ts';
import type { NewLedgerRow } from '../src/application/ports/ledger.ts';
import type { UnitOfWork } from '../src/application/ports/unit-of-work.ts';
import type { SignedCheckpoint } from '../src/domain/checkpoint.ts';
import type { Key } from '../src/domain/key.ts';
import { sampleCall } from '../src/testing/sample-call.ts';
import { LEAF_POLICY } from '../src/testing/test-signer.ts';

function newKey(changes: Partial<NewKey> = {}): NewKey {
  return {
    id: newId({ clock: systemClock, randomBytes }),
    name: { project: 'acme', key: `key-${randomUUID()}` },
    algorithm: 'ec-p256',
    policy: LEAF_POLICY,
    primaryVersion: 1,
    publicKey: bytes(91),
    etag: 'first',
    ...changes,
  };
}

function material(kekId = '0011223344556677'): KeyMaterial {
  return { sealed: bytes(200), wrappedDataKey: bytes(61), kekId };
}

function row(key: Pick<Key, 'id'>, changes: Partial<NewLedgerRow> = {}): NewLedgerRow {
  return {
    intentId: randomUUID(),
    keyId: key.id,
    keyVersion: 1,
    kind: 'certificate',
    tbs: bytes(300),
    tbsSha256: bytes(32),
    signature: bytes(71),
    serial: bytes(20),
    caller: 'service:cert',
    ...changes,
  };
}

function bytes(length: number): Uint8Array {
  return Uint8Array.from(randomBytes(length));
}

function checkpoint(treeSize: bigint): SignedCheckpoint {
  return { treeSize, rootHash: bytes(32), noteBody: `origin\n${treeSize}\nroot\n`, signature: bytes(64) };
}

async function stored(work: UnitOfWork, key: NewKey = newKey()): Promise<Key> {
  const created = await work.transaction('test', ({ keys }) => keys.insert(key, material()));
  if (created === undefined) throw new Error('The name was taken.');
  return created;
}

function insertSigned(work: UnitOfWork, rows: readonly NewLedgerRow[]): Promise<ReadonlyMap<string, Date>> {
  return work.transaction('test', ({ ledger }) => ledger.insertSigned(rows));
}

/** What the service's state does, wherever it is kept. The state may be shared by the tests. */
export function describeUnitOfWork(name: string, create: () => UnitOfWork): void {
  describe(`UnitOfWork: ${name}`, () => {
    test('a key comes back as it was put in, by name, in lists and with its material', async () => {
      const work = create();
      const key = newKey({ policy: { ...LEAF_POLICY, maySignAuthorities: true, maxPathLength: 2 } });
      const sealed = material();
      const created = await work.transaction('test', ({ keys }) => keys.insert(key, sealed));
      expect(created).toMatchObject({ ...key, state: 'enabled', disabledAt: undefined });
      expect(created?.createdAt).toBeInstanceOf(Date);
      expect(await work.read('test', ({ keys }) => keys.find(key.name))).toEqual(created);
      expect(await work.transaction('test', ({ keys }) => keys.lock(key.name))).toEqual(created);
      expect(await work.read('test', ({ keys }) => keys.findStored([key.name]))).toEqual([
        { key: created, material: sealed },
      ]);
    });

    test('a name is taken once, and nothing of the second key stays', async () => {
      const work = create();
      const first = await stored(work);
      const second = newKey({ name: first.name });
      expect(await work.transaction('test', ({ keys }) => keys.insert(second, material()))).toBeUndefined();
      expect(await work.read('test', ({ keys }) => keys.find(first.name))).toEqual(first);
    });

    test('projects are walls', async () => {
      const work = create();
      const mine = await stored(work);
      const theirs = await stored(work, newKey({ name: { project: 'other', key: mine.name.key } }));
      const names = [{ project: 'other', key: theirs.name.key }];
      const found = await work.read('test', ({ keys }) => keys.findStored(names));
      expect(found.map(({ key }) => key.id)).toEqual([theirs.id]);
      expect(await work.read('test', ({ keys }) => keys.find({ ...mine.name, project: 'third' }))).toBeUndefined();
      expect(
        await work.transaction('test', ({ keys }) => keys.lock({ ...mine.name, project: 'third' })),
      ).toBeUndefined();
    });

    test('lists keys of one project in order, page by page', async () => {
      const work = create();
      const project = `list-${randomUUID().slice(0, 8)}`;
      const made: Key[] = [];
      for (const id of ['a', 'b', 'c'].map(
        (digit) => `0192f0c1-2b3c-7d4e-8f90-${randomBytes(5).toString('hex')}0${digit}`,
      )) {
        made.push(await stored(work, newKey({ id, name: { project, key: `k${id}` } })));
      }
      const expected = made.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      const first = await work.read('test', ({ keys }) => keys.list({ project, afterId: undefined, limit: 2 }));
      expect(first).toEqual(expected.slice(0, 2));
      const afterId = first.at(-1)?.id;
      const rest = await work.read('test', ({ keys }) => keys.list({ project, afterId, limit: 2 }));
      expect(rest).toEqual(expected.slice(2));
    });

    test('disabling happens once and shows', async () => {
      const work = create();
      const key = await stored(work);
      const disable = (etag: string) => work.transaction('test', ({ keys }) => keys.disable({ id: key.id, etag }));
      const disabled = await disable('second');
      expect(disabled).toMatchObject({ id: key.id, state: 'disabled', etag: 'second', disabledAt: expect.any(Date) });
      expect(await disable('third')).toBeUndefined();
      expect(await work.read('test', ({ keys }) => keys.find(key.name))).toEqual(disabled);
      expect(await work.read('test', ({ keys }) => keys.disabledAmong([key.id]))).toEqual(new Set([key.id]));
    });

    test('tells which key-encryption keys are needed', async () => {
      const work = create();
      await work.transaction('test', ({ keys }) => keys.insert(newKey(), material('ffffffffffffffff')));
      const ids = await work.read('test', ({ keys }) => keys.keyEncryptionKeyIds());
      expect(ids).toContain('ffffffffffffffff');
      expect(new Set(ids).size).toBe(ids.length);
    });

    test('records signatures of enabled keys with free intents and serials, and leaves out the others', async () => {
      const work = create();
      const [enabled, disabled] = [await stored(work), await stored(work)];
      await work.transaction('test', ({ keys }) => keys.disable({ id: disabled.id, etag: 'x' }));
      const before = row(enabled);
      await insertSigned(work, [before]);
      const good = row(enabled);
      const crl = row(enabled, { kind: 'crl', serial: undefined });
      const otherCrl = row(enabled, { kind: 'crl', serial: undefined });
      const inserted = await insertSigned(work, [
        good,
        crl,
        otherCrl,
        row(disabled),
        row({ id: randomUUID() }),
        row(enabled, { intentId: before.intentId }),
        row(enabled, { serial: before.serial }),
      ]);
      expect([...inserted.keys()].toSorted()).toEqual([good.intentId, crl.intentId, otherCrl.intentId].toSorted());
    });

    test('of two rows with one serial in one batch, one is recorded', async () => {
      const work = create();
      const key = await stored(work);
      const first = row(key);
      expect((await insertSigned(work, [first, row(key, { serial: first.serial })])).size).toBe(1);
    });

    test('a serial of one key is free for another', async () => {
      const work = create();
      const [a, b] = [await stored(work), await stored(work)];
      const first = row(a);
      const second = row(b, { serial: first.serial });
      expect((await insertSigned(work, [first, second])).size).toBe(2);
    });

    test('finds what it holds: signed as signed, voided as voided', async () => {
      const work = create();
      const key = await stored(work);
      const signed = row(key);
      const at = (await insertSigned(work, [signed])).get(signed.intentId);
      const voided = { intentId: randomUUID(), keyId: key.id, caller: 'service:cert' };
      const voidedAt = await work.transaction('test', ({ ledger }) => ledger.insertVoided(voided));
      const found = await work.read('test', ({ ledger }) =>
        ledger.find([signed.intentId, voided.intentId, randomUUID()]),
      );
      const { intentId, keyId, keyVersion, kind, tbsSha256, signature } = signed;
      expect(found).toEqual(
        new Map<string, unknown>([
          [intentId, { state: 'signed', intentId, keyId, keyVersion, kind, tbsSha256, signature, at }],
          [voided.intentId, { state: 'voided', intentId: voided.intentId, keyId, at: voidedAt }],
        ]),
      );
    });

    test('an intent has one end', async () => {
      const work = create();
      const key = await stored(work);
      const signed = row(key);
      await insertSigned(work, [signed]);
      const voided = { intentId: signed.intentId, keyId: key.id, caller: 'service:cert' };
      expect(await work.transaction('test', ({ ledger }) => ledger.insertVoided(voided))).toBeUndefined();
      const other = { ...voided, intentId: randomUUID() };
      await work.transaction('test', ({ ledger }) => ledger.insertVoided(other));
      expect((await insertSigned(work, [row(key, { intentId: other.intentId })])).size).toBe(0);
    });

    test('lists settled rows in order, and nothing after one that is not', async () => {
      const work = create();
      const key = await stored(work);
      const [a, b] = [row(key), row(key, { kind: 'crl', serial: undefined })];
      await insertSigned(work, [a]);
      await insertSigned(work, [b]);
      const list = (afterPosition: bigint, settleMs: number) =>
        work.read('test', ({ ledger }) => ledger.listSettled({ afterPosition, limit: 1_000, settleMs }));
      const settled = (await list(0n, -1_000)).filter(({ keyName }) => keyName.key === key.name.key);
      expect(settled).toMatchObject([
        { intentId: a.intentId, keyName: key.name, signed: { kind: 'certificate', tbsSha256: a.tbsSha256 } },
        { intentId: b.intentId, keyName: key.name, signed: { kind: 'crl', tbsSha256: b.tbsSha256 } },
      ]);
      const [first, second] = settled;
      expect((await list(first?.position ?? 0n, -1_000)).map(({ intentId }) => intentId)).toContain(b.intentId);
      expect(second?.position).toBeGreaterThan(first?.position ?? 0n);
      expect(await list(0n, 3_600_000)).toEqual([]);
    });

    test('a key remembers the largest checkpoint as its last', async () => {
      const work = create();
      const key = await stored(work);
      const last = () => work.transaction('test', ({ checkpoints }) => checkpoints.last(key.id));
      expect(await last()).toBeUndefined();
      for (const size of [0n, 9n, 10n]) {
        const signed = checkpoint(size);
        await work.transaction('test', ({ checkpoints }) => checkpoints.insert(key.id, signed));
        expect(await last()).toEqual(signed);
      }
    });

    test('a request is acted on once', async () => {
      const work = create();
      const claim = {
        project: 'acme',
        caller: 'service:cert',
        method: 'm',
        requestId: randomUUID(),
        content: bytes(10),
      };
      const claimed = () => work.transaction('test', ({ requests }) => requests.claim(claim, 'projects/acme/keys/a'));
      expect(await claimed()).toBe('claimed');
      expect(await claimed()).toBe('replay');
      const other = { ...claim, content: bytes(11) };
      await expect(
        work.transaction('test', ({ requests }) => requests.claim(other, 'projects/acme/keys/a')),
      ).rejects.toThrow();
    });

    test('a transaction that fails leaves nothing', async () => {
      const work = create();
      const key = await stored(work);
      const signed = row(key);
      const failing = work.transaction('test', async ({ keys, ledger, events }) => {
        await ledger.insertSigned([signed]);
        await keys.disable({ id: key.id, etag: 'x' });
        await events.append([
          {
            type: 'key.disabled',
            subject: 'projects/acme/keys/a',
            project: 'acme',
            call: sampleCall(),
            refusal: undefined,
            data: {},
          },
        ]);
        throw new Error('changed its mind');
      });
      await expect(failing).rejects.toThrow('changed its mind');
      expect(await work.read('test', ({ keys }) => keys.find(key.name))).toEqual(key);
      expect(await work.read('test', ({ ledger }) => ledger.find([signed.intentId]))).toEqual(new Map());
    });
  });
}
