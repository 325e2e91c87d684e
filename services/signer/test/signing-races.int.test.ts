import { randomUUID } from 'node:crypto';
import { verifySignature } from '@cert-tasks/x509';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disableKey } from '../src/application/disable-key.ts';
import { resolveIntent } from '../src/application/resolve-intent.ts';
import type { SignItem, SignOutcome } from '../src/application/sign-batch.ts';
import { signCheckpoint } from '../src/application/sign-checkpoint.ts';
import { SignerError } from '../src/domain/errors.ts';
import { sampleCall } from '../src/testing/sample-call.ts';
import { SampleLog } from '../src/testing/sample-log.ts';
import { sampleCertificate } from '../src/testing/sample-tbs.ts';
import { softwareBackend, TestSigner } from '../src/testing/test-signer.ts';
import { type SignerDatabase, signerDatabase } from './signer-database.ts';

const now = () => new Date();
let database: SignerDatabase;
let a: TestSigner;
let b: TestSigner;

beforeAll(async () => {
  database = await signerDatabase();
  const kek = new Uint8Array(32).fill(9);
  a = new TestSigner({ work: await database.replica(), now, backend: softwareBackend(kek) });
  b = new TestSigner({ work: await database.replica(), now, backend: softwareBackend(kek) });
});
afterAll(() => database.drop());

function codeOf(outcome: SignOutcome): string {
  if (outcome.ok) return 'signed';
  return outcome.error instanceof SignerError ? outcome.error.code : String(outcome.error);
}

function hexOf(outcome: SignOutcome): string {
  return outcome.ok ? Buffer.from(outcome.signature.signature).toString('hex') : codeOf(outcome);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: Math.random() }))
    .toSorted((x, y) => x.rank - y.rank)
    .map(({ item }) => item);
}

async function newKey() {
  return a.createKey(`key-${randomUUID()}`);
}

describe('two replicas', () => {
  test('asked for the same intents in any order, give the same signatures, each in one row', async () => {
    const key = await newKey();
    const items = Array.from({ length: 40 }, () => a.item(key));
    const calls = Array.from({ length: 6 }, (_, i) => {
      const order = shuffled(items);
      return (i % 2 === 0 ? a : b).sign(order).then((outcomes) => new Map(order.map((item, n) => [item, outcomes[n]])));
    });
    const answers = await Promise.all(calls);
    for (const item of items) {
      const signatures = answers.map((answer) => {
        const outcome = answer.get(item);
        return outcome === undefined ? 'no outcome' : hexOf(outcome);
      });
      expect(new Set(signatures).size).toBe(1);
      const signature = Buffer.from(signatures[0] ?? '', 'hex');
      const checked = { publicKey: key.publicKey, algorithm: 'ecdsa-sha256', data: item.tbs, signature } as const;
      expect(verifySignature(checked)).toBe(true);
    }
    const rows = await database.admin`select signature, tbs from signer.ledger where key_id = ${key.id}`;
    expect(rows).toHaveLength(items.length);
  });

  test('given different bytes for one intent, sign one and refuse the other', async () => {
    const key = await newKey();
    for (let i = 0; i < 20; i++) {
      const intentId = randomUUID();
      const [x, y] = [a.item(key, { intentId }), a.item(key, { intentId })];
      const outcomes = (await Promise.all([a.sign([x]), b.sign([y])])).flat();
      expect(outcomes.map(codeOf).toSorted()).toEqual(['intent-conflict', 'signed']);
    }
  });

  test('given one serial for two intents, sign one and refuse the other', async () => {
    const key = await newKey();
    for (let i = 0; i < 20; i++) {
      const tbs = sampleCertificate({ now: now(), spki: key.publicKey, serial: BigInt(i + 1) });
      const outcomes = (await Promise.all([a.sign([a.item(key, { tbs })]), b.sign([b.item(key, { tbs })])])).flat();
      expect(outcomes.map(codeOf).toSorted()).toEqual(['serial-reused', 'signed']);
    }
  });

  test('one signing and one resolving an intent agree on its end', async () => {
    const key = await newKey();
    const ends = new Set<string>();
    for (let i = 0; i < 40; i++) {
      const item = a.item(key);
      const signing = a.sign([item]);
      const [[outcome], end] = await Promise.all([signing, resolveIntent(b.work, { ...item, call: sampleCall() })]);
      if (outcome === undefined) throw new Error('No outcome.');
      expect(codeOf(outcome)).toBe(end.state === 'signed' ? 'signed' : 'intent-voided');
      if (outcome.ok && end.state === 'signed') expect(end.signature).toEqual(outcome.signature);
      ends.add(end.state);
    }
    expect(ends).toContain('voided');
  });

  test('do not wait for each other crosswise for ever: two keys, intents in opposite order', async () => {
    const keys = [await newKey(), await newKey()];
    const items = keys.flatMap((key) => Array.from({ length: 20 }, () => a.item(key)));
    const calls = Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? a : b).sign(shuffled(items)));
    const outcomes = (await Promise.all(calls)).flat();
    expect(new Set(outcomes.map(codeOf))).toEqual(new Set(['signed']));
  });
});

describe('disabling', () => {
  test('not one ledger row is later than the return of the disabling call, on either replica', async () => {
    for (let round = 0; round < 5; round++) {
      const key = await newKey();
      await Promise.all([a.sign([a.item(key)]), b.sign([b.item(key)])]);
      const issued: SignItem[] = [];
      const outcomes: Promise<readonly SignOutcome[]>[] = [];
      let isOver = false;
      const flood = async (replica: TestSigner) => {
        while (!isOver) {
          const items = [replica.item(key), replica.item(key)];
          issued.push(...items);
          const signing = replica.sign(items);
          outcomes.push(signing);
          await signing;
        }
      };
      const floods = [flood(a), flood(a), flood(b), flood(b)];
      const reached = await rowsReach(key.id, 20);
      expect(reached).toBe(true);
      await disableKey(b, { name: key.name, etag: undefined, reason: '', request: undefined, call: sampleCall() });
      const [atReturn] = await countRows(key.id);
      const late = await Promise.all([a.sign([a.item(key)]), b.sign([b.item(key)])]);
      isOver = true;
      await Promise.all(floods);
      expect(late.flat().map(codeOf)).toEqual(['key-disabled', 'key-disabled']);
      const [atEnd] = await countRows(key.id);
      expect(atEnd).toEqual(atReturn);

      // What was answered as signed is what has rows, and all rows are older than the disabling.
      const signed = (await Promise.all(outcomes)).flat().filter(({ ok }) => ok).length;
      expect(Number(atEnd?.count)).toBe(signed + 2);
      const [later] = await database.admin<{ count: bigint }[]>`
        select count(*) from signer.ledger l join signer.keys k on k.id = l.key_id
        where k.id = ${key.id} and l.created_at >= k.disabled_at`;
      expect(later?.count).toBe(0n);
    }
  });

  test('waits for a transaction that is inserting, and one that comes after it finds the key disabled', async () => {
    const key = await newKey();
    const inserted = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const item = a.item(key);
    const row = {
      ...item,
      keyId: key.id,
      keyVersion: 1,
      tbsSha256: new Uint8Array(32),
      signature: new Uint8Array(64),
      serial: new Uint8Array([1]),
      caller: 'service:cert',
    };
    const slow = a.work.transaction('slow', async ({ ledger }) => {
      await ledger.insertSigned([row]);
      inserted.resolve();
      await mayCommit.promise;
    });
    await inserted.promise;
    let isDisabled = false;
    const disabling = disableKey(b, {
      name: key.name,
      etag: undefined,
      reason: '',
      request: undefined,
      call: sampleCall(),
    }).then(() => {
      isDisabled = true;
    });
    await waitingForLock();
    expect(isDisabled).toBe(false);
    mayCommit.resolve();
    await Promise.all([slow, disabling]);
    expect((await a.sign([a.item(key)])).map(codeOf)).toEqual(['key-disabled']);
  });
});

describe('checkpoints', () => {
  test('of two sequencers on two replicas with different trees, one goes on and the other forks', async () => {
    const log = new SampleLog();
    const forged = new SampleLog('forged-');
    const key = await a.createKey(`log-${randomUUID()}`, {
      policy: { purpose: 'log-checkpoint', origin: 'audit.example/log' },
      algorithm: 'ed25519',
    });
    const sign = (replica: TestSigner, source: SampleLog, range: readonly [number, number]) => {
      const [oldSize, size] = range;
      const proposed = {
        treeSize: BigInt(size),
        rootHash: source.root(size),
        oldSize: BigInt(oldSize),
        consistencyProof: source.proof(oldSize, size),
      };
      return signCheckpoint(replica, { keyName: key.name, proposed });
    };
    for (let size = 1; size <= 20; size++) {
      const results = await Promise.allSettled([
        sign(a, log, [size - 1, size]),
        sign(b, log, [size - 1, size]),
        sign(b, size === 1 ? log : forged, [size - 1, size]),
      ]);
      const notes = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      expect(notes.length).toBe(size === 1 ? 3 : 2);
      for (const note of notes) expect(note).toEqual(notes[0]);
    }
    const rows = await database.admin`select 1 from signer.checkpoint_ledger where key_id = ${key.id}`;
    expect(rows).toHaveLength(20);
  });
});

describe('the listing', () => {
  test('stops before a row that is younger, though later ones are settled', async () => {
    const key = await newKey();
    const [first, young, old] = [randomUUID(), randomUUID(), randomUUID()];
    for (const [intentId, age] of [
      [first, '2 hours'],
      [young, '1 second'],
      [old, '2 hours'],
    ] as const) {
      await database.admin`
        insert into signer.ledger (intent_id, key_id, caller, state, created_at)
        values (${intentId}, ${key.id}, 'service:cert', 'voided', clock_timestamp() - ${age}::interval)`;
    }
    const [{ before } = { before: 0n }] = await database.admin<{ before: bigint }[]>`
      select position - 1 as before from signer.ledger where intent_id = ${first}`;
    const list = (settleMs: number) =>
      a.work.read('test', ({ ledger }) => ledger.listSettled({ afterPosition: before, limit: 10, settleMs }));
    expect((await list(60_000)).map(({ intentId }) => intentId)).toEqual([first]);
    expect((await list(0)).map(({ intentId }) => intentId)).toEqual([first, young, old]);
  });
});

function countRows(keyId: string) {
  return database.admin<{ count: bigint }[]>`select count(*) from signer.ledger where key_id = ${keyId}`;
}

async function rowsReach(keyId: string, count: number): Promise<boolean> {
  const giveUpAt = performance.now() + 10_000;
  while (performance.now() < giveUpAt) {
    const [row] = await countRows(keyId);
    if (Number(row?.count) >= count) return true;
  }
  return false;
}

async function waitingForLock(): Promise<void> {
  const giveUpAt = performance.now() + 10_000;
  while (performance.now() < giveUpAt) {
    const waiting = await database.admin`
      select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%for no key update%'`;
    if (waiting.length > 0) return;
  }
  throw new Error('Nothing waited for the lock.');
}
