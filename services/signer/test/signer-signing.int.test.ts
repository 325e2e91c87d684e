import { randomBytes, randomUUID } from 'node:crypto';
import { Result } from '@cert-tasks/contracts/event/v1';
import { KeyAlgorithm, KeyPurpose, TbsKind } from '@cert-tasks/contracts/signer/v1';
import { waitFor } from '@cert-tasks/testkit';
import { verifySignature } from '@cert-tasks/x509';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SampleLog } from '../src/testing/sample-log.ts';
import { sampleCertificate, sampleCrl } from '../src/testing/sample-tbs.ts';
import { type SignerPlatform, startPlatform } from './signer-app.ts';
import { type Item, itemFor, newKey, reasonOf, refused, signatureOf } from './signer-messages.ts';

let platform: SignerPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

describe('who may call', () => {
  test('no service but cert signs with a CA key, no service but audit has checkpoints signed', async () => {
    const key = await platform.madeKey(newKey());
    const scheduler = platform.setting.internalAs(platform.a, 'task-scheduler');
    for (const other of [platform.audit, scheduler]) {
      expect(await refused(other.signing.batchSign({ items: [itemFor(key)] }))).toMatchObject({
        rpcCode: 'PERMISSION_DENIED',
      });
      const resolving = other.signing.resolveIntent({ intentId: randomUUID(), key: key.name });
      expect(await refused(resolving)).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    }
    for (const other of [platform.cert, scheduler]) {
      const asking = other.signing.signCheckpoint({ key: key.name, rootHash: new Uint8Array(32) });
      expect(await refused(asking)).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    }
    expect(await refused(scheduler.keys.createKey(newKey()))).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    expect(await refused(platform.cert.keys.disableKey({ name: key.name }))).toMatchObject({
      rpcCode: 'UNIMPLEMENTED',
    });
  });
});

describe('signing', () => {
  const ALGORITHMS = [
    [KeyAlgorithm.EC_P256, 'ecdsa-sha256'],
    [KeyAlgorithm.EC_P384, 'ecdsa-sha384'],
    [KeyAlgorithm.RSA_2048, 'rsa-sha256'],
    [KeyAlgorithm.ED25519, 'ed25519'],
  ] as const;

  test.each(ALGORITHMS)('algorithm %i signs certificates and CRLs that verify with %s', async (algorithm, name) => {
    const key = await platform.madeKey(newKey({ algorithm }));
    const tbs = sampleCertificate({ now: new Date(), spki: key.publicKeyDer, signatureAlgorithm: name });
    const items = [
      itemFor(key, { tbs }),
      itemFor(key, { kind: TbsKind.CRL, tbs: sampleCrl({ now: new Date(), signatureAlgorithm: name }) }),
    ];
    const { outcomes } = await platform.cert.signing.batchSign({ items });
    for (const [i, { tbs: data }] of items.entries()) {
      const signature = signatureOf(outcomes[i]);
      expect(verifySignature({ publicKey: key.publicKeyDer, algorithm: name, data, signature })).toBe(true);
    }
    const [row] = await platform.database.admin`
      select tbs, encode(sha256(tbs), 'hex') = encode(tbs_sha256, 'hex') as hashed, caller, kind, key_version
      from signer.ledger where intent_id = ${items[0]?.intentId ?? ''}`;
    expect(row).toEqual({
      tbs: items[0]?.tbs,
      hashed: true,
      caller: 'service:cert',
      kind: 'certificate',
      key_version: 1,
    });
  });

  test('answers each item by itself, with reasons', async () => {
    const key = await platform.madeKey(newKey());
    const signed = itemFor(key);
    await platform.cert.signing.batchSign({ items: [signed] });
    const voided = itemFor(key);
    await platform.cert.signing.resolveIntent({ intentId: voided.intentId ?? '', key: key.name });
    const items = [
      itemFor(key),
      itemFor(key, { intentId: signed.intentId ?? '' }),
      voided,
      itemFor(key, { tbs: signed.tbs }),
      itemFor(key, { tbs: new Uint8Array([0x30]) }),
      itemFor(key, { tbs: sampleCertificate({ now: new Date(), spki: key.publicKeyDer, validity: 3_601 }) }),
    ];
    const { outcomes } = await platform.cert.signing.batchSign({ items });
    expect(outcomes.map(reasonOf)).toEqual([
      'signed',
      '9 INTENT_CONFLICT',
      '9 INTENT_VOIDED',
      '6 SERIAL_REUSED',
      '3 TBS_MALFORMED',
      '9 OUTSIDE_KEY_POLICY',
    ]);
    const refusals = (await platform.events(key.name)).filter(({ type }) => type === 'signing.refused');
    expect(refusals.map(({ reason, result }) => [reason, result])).toEqual([
      ['INTENT_CONFLICT', Result.REFUSED],
      ['INTENT_VOIDED', Result.REFUSED],
      ['SERIAL_REUSED', Result.REFUSED],
      ['TBS_MALFORMED', Result.REFUSED],
      ['OUTSIDE_KEY_POLICY', Result.REFUSED],
    ]);
    expect(refusals.at(-1)?.data).toEqual({ rule: 'validity', intents: [items[5]?.intentId] });
  });

  test('a batch that is wrong in its form is refused as a whole, and nothing of it is signed', async () => {
    const key = await platform.madeKey(newKey());
    const item = itemFor(key);
    const batches: readonly (readonly Item[])[] = [
      [],
      [item, item],
      [item, { ...itemFor(key), key: 'keys/ca' }],
      [item, { ...itemFor(key), intentId: 'no-uuid' }],
      [item, { ...itemFor(key), kind: TbsKind.UNSPECIFIED }],
      [item, { ...itemFor(key), tbs: new Uint8Array() }],
      Array.from({ length: 257 }, () => itemFor(key, { tbs: new Uint8Array([1]) })),
    ];
    for (const items of batches) {
      const call = platform.cert.signing.batchSign({ items: [...items] });
      expect(await refused(call)).toMatchObject({ rpcCode: 'INVALID_ARGUMENT' });
    }
    const rows = await platform.database.admin`select 1 from signer.ledger where key_id = ${key.uid}`;
    expect(rows).toHaveLength(0);
  });

  test('a lost intent is resolved: with its signature, or voided for good', async () => {
    const key = await platform.madeKey(newKey());
    const [signed, lost] = [itemFor(key), itemFor(key)];
    const { outcomes } = await platform.cert.signing.batchSign({ items: [signed] });
    const first = await platform.certOnB.signing.resolveIntent({ intentId: signed.intentId ?? '', key: key.name });
    expect(first.outcome).toEqual(outcomes[0]?.outcome);
    const second = await platform.certOnB.signing.resolveIntent({
      intentId: lost.intentId?.toUpperCase() ?? '',
      key: key.name,
    });
    expect(second.outcome).toMatchObject({ case: 'voided' });
    expect(await platform.cert.signing.resolveIntent({ intentId: lost.intentId ?? '', key: key.name })).toEqual(second);
    const late = await platform.cert.signing.batchSign({ items: [lost] });
    expect(late.outcomes.map(reasonOf)).toEqual(['9 INTENT_VOIDED']);
    const voidings = (await platform.events(key.name)).filter(({ type }) => type === 'signing.voided');
    expect(voidings.map(({ data }) => data)).toEqual([{ intents: [lost.intentId] }]);
  });

  test('the ledger is listed in order, by pages', async () => {
    const key = await platform.madeKey(newKey());
    const items = [itemFor(key), itemFor(key), itemFor(key)];
    for (const item of items) await platform.cert.signing.batchSign({ items: [item] });
    await platform.cert.signing.resolveIntent({ intentId: randomUUID(), key: key.name });
    const seen = [];
    for (let afterPosition = 0n; ; ) {
      const { entries } = await platform.audit.signing.listLedgerEntries({ afterPosition, pageSize: 2 });
      const last = entries.at(-1);
      if (last === undefined) break;
      expect(entries.length).toBeLessThanOrEqual(2);
      expect(last.position).toBeGreaterThan(afterPosition);
      seen.push(...entries.filter((entry) => entry.key === key.name));
      afterPosition = last.position;
    }
    expect(seen.map(({ voided }) => voided)).toEqual([false, false, false, true]);
    expect(seen.map(({ intentId }) => intentId).slice(0, 3)).toEqual(items.map(({ intentId }) => intentId));
    expect(seen[0]).toMatchObject({ kind: TbsKind.CERTIFICATE, tbsSha256: expect.any(Uint8Array) });
    expect(seen[3]).toMatchObject({ kind: TbsKind.UNSPECIFIED, tbsSha256: new Uint8Array() });
  });
});

describe('the audit trail', () => {
  test('a whole batch is told in few events, each within its bounds, and all are numbered', async () => {
    const key = await platform.madeKey(newKey());
    const items = Array.from({ length: 256 }, () => itemFor(key));
    const { outcomes } = await platform.cert.signing.batchSign({ items });
    expect(new Set(outcomes.map(reasonOf))).toEqual(new Set(['signed']));
    const told = (await platform.events(key.name)).filter(({ type }) => type === 'signing.performed');
    expect(told.length).toBeLessThanOrEqual(2);
    const intents = told.flatMap(({ data }) => data?.['intents'] ?? []);
    expect(intents.toSorted()).toEqual(items.map(({ intentId }) => intentId).toSorted());
    await waitFor(
      async () => {
        const unnumbered = await platform.database.admin`select 1 from signer.outbox where number is null`;
        return unnumbered.length === 0;
      },
      { what: 'the numbers of all events' },
    );
  });
});

describe('checkpoints', () => {
  test('are signed once for a size, only as the log grows, with no event', async () => {
    const { key } = await platform.audit.keys.createKey({
      parent: 'projects/system',
      keyId: `log-${randomUUID()}`,
      purpose: KeyPurpose.LOG_CHECKPOINT,
      algorithm: KeyAlgorithm.ED25519,
      checkpointOrigin: 'audit.example/log',
    });
    const name = key?.name ?? '';
    const log = new SampleLog();
    const ask = (oldSize: number, treeSize: number, source = log) =>
      platform.audit.signing.signCheckpoint({
        key: name,
        treeSize: BigInt(treeSize),
        rootHash: source.root(treeSize),
        oldSize: BigInt(oldSize),
        consistencyProof: [...source.proof(oldSize, treeSize)],
      });
    const first = await ask(0, 3);
    expect(first.noteBody).toBe(`audit.example/log\n3\n${Buffer.from(log.root(3)).toString('base64')}\n`);
    expect(await ask(0, 3)).toEqual(first);
    const { signature, noteBody } = await ask(3, 7);
    const data = Buffer.from(noteBody);
    expect(verifySignature({ publicKey: key?.publicKeyDer ?? data, algorithm: 'ed25519', data, signature })).toBe(true);
    for (const forged of [() => ask(3, 9), () => ask(0, 3), () => ask(7, 9, new SampleLog('other-'))]) {
      await expect(forged()).rejects.toMatchObject({
        rpcCode: 'FAILED_PRECONDITION',
        reason: 'CHECKPOINT_FORK',
        metadata: { signed_size: '7' },
      });
    }
    expect((await platform.events(name)).map(({ type }) => type)).toEqual(['key.created']);
  });
});

describe('the start', () => {
  test('with another key-encryption key is refused by name, and touches nothing', async () => {
    await platform.madeKey(newKey());
    const dump = async () => ({
      keys: await platform.database.admin`select * from signer.keys order by id`,
      versions: await platform.database.admin`select * from signer.key_versions order by key_id`,
    });
    const before = await dump();
    const [{ kek_id: kekId } = { kek_id: '' }] = await platform.database.admin<{ kek_id: string }[]>`
      select distinct kek_id from signer.key_versions`;
    const wrong = platform.setting.replica({ SIGNER_KEK: randomBytes(32).toString('hex'), SIGNER_KEK_FILE: '' });
    const failure = await wrong.app.start().then(
      () => 'started',
      (error: Error) => `${error.message} ${String(error.cause)}`,
    );
    expect(failure).toContain(kekId);
    expect(() => wrong.app.ports.public).toThrow();
    await wrong.app.stop();
    expect(await dump()).toEqual(before);
  });

  test('with the same key given in another way is fine', async () => {
    const same = platform.setting.replica({
      SIGNER_KEK: Buffer.from(platform.kek, 'base64').toString('hex'),
      SIGNER_KEK_FILE: '',
    });
    await same.app.start();
    const key = await platform.madeKey(newKey());
    const { outcomes } = await platform.setting.internalAs(same, 'cert').signing.batchSign({ items: [itemFor(key)] });
    expect(outcomes.map(reasonOf)).toEqual(['signed']);
    await same.app.stop();
  });
});
