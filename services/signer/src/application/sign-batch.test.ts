import { randomUUID } from 'node:crypto';
import { verifySignature } from '@cert-tasks/x509';
import { describe, expect, test } from 'vitest';
import { SignerError } from '../domain/errors.ts';
import { InMemoryUnitOfWork } from '../testing/in-memory-unit-of-work.ts';
import { sampleCall } from '../testing/sample-call.ts';
import { sampleCertificate, sampleCrl } from '../testing/sample-tbs.ts';
import { TestSigner } from '../testing/test-signer.ts';
import { disableKey } from './disable-key.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';
import { resolveIntent } from './resolve-intent.ts';
import type { SignOutcome } from './sign-batch.ts';

const START = new Date('2026-05-01T12:00:00Z');

function setUp() {
  let now = START;
  const work = new InMemoryUnitOfWork(() => now);
  const signer = new TestSigner({ work, now: () => now });
  return { work, signer, advance: (ms: number) => (now = new Date(now.getTime() + ms)) };
}

function codeOf(outcome: SignOutcome | undefined): string {
  if (outcome === undefined) return 'no outcome';
  if (outcome.ok) return 'signed';
  return outcome.error instanceof SignerError ? outcome.error.code : `failed: ${String(outcome.error)}`;
}

function signatureOf(outcome: SignOutcome | undefined): Uint8Array {
  if (outcome?.ok !== true) throw new Error(`Not signed: ${codeOf(outcome)}`);
  return outcome.signature.signature;
}

describe('signBatch', () => {
  test('signs certificates and CRLs; each signature verifies and has its row', async () => {
    const { work, signer } = setUp();
    const key = await signer.createKey('ca');
    const crl = { ...signer.item(key), kind: 'crl', tbs: sampleCrl({ now: START }) } as const;
    const items = [signer.item(key), crl];
    const outcomes = await signer.sign(items);
    for (const [i, item] of items.entries()) {
      const signature = signatureOf(outcomes[i]);
      const checked = { publicKey: key.publicKey, algorithm: 'ecdsa-sha256', data: item.tbs, signature } as const;
      expect(verifySignature(checked)).toBe(true);
    }
    expect(work.ledgerIntents).toEqual(items.map(({ intentId }) => intentId));
  });

  test('a repeat answers with the first signature, and makes no event', async () => {
    const { work, signer } = setUp();
    const item = signer.item(await signer.createKey('ca'));
    const [first] = await signer.sign([item]);
    const [second] = await signer.sign([item]);
    expect(signatureOf(second)).toEqual(signatureOf(first));
    expect(work.events.filter(({ type }) => type.startsWith('signing.'))).toHaveLength(1);
  });

  test('a repeat answers with the first signature after its time has passed and its key was disabled', async () => {
    const { signer, advance } = setUp();
    const key = await signer.createKey('ca');
    const item = signer.item(key);
    const [first] = await signer.sign([item]);
    advance(3_600_000);
    expect(signatureOf((await signer.sign([item]))[0])).toEqual(signatureOf(first));
    await disableKey(signer, { name: key.name, etag: undefined, reason: '', request: undefined, call: sampleCall() });
    expect(signatureOf((await signer.sign([item]))[0])).toEqual(signatureOf(first));
    expect((await signer.sign([signer.item(key)])).map(codeOf)).toEqual(['key-disabled']);
  });

  test('an intent is never signed twice: not with other bytes, another key or another kind', async () => {
    const { signer } = setUp();
    const [key, other] = [await signer.createKey('ca'), await signer.createKey('other')];
    const item = signer.item(key);
    await signer.sign([item]);
    const again = signer.item(key, { intentId: item.intentId });
    const otherKey = { ...item, keyName: other.name };
    const otherKind = { ...item, kind: 'crl', tbs: sampleCrl({ now: START }) } as const;
    for (const attempt of [again, otherKey, otherKind]) {
      expect((await signer.sign([attempt])).map(codeOf)).toEqual(['intent-conflict']);
    }
  });

  test('of calls at once for one intent all get one signature', async () => {
    const { work, signer } = setUp();
    const item = signer.item(await signer.createKey('ca'));
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => signer.sign([item])));
    const signatures = new Set(outcomes.map(([outcome]) => Buffer.from(signatureOf(outcome)).toString('hex')));
    expect(signatures.size).toBe(1);
    expect(work.ledgerIntents).toHaveLength(1);
  });

  test('each item fails by itself', async () => {
    const { signer } = setUp();
    const key = await signer.createKey('ca');
    const log = await signer.createKey('log', {
      policy: { purpose: 'log-checkpoint', origin: 'example.org/log' },
      algorithm: 'ed25519',
    });
    const signed = signer.item(key);
    await signer.sign([signed]);
    const outcomes = await signer.sign([
      signer.item(key),
      signer.item(key, { keyName: { project: 'other', key: 'ca' } }),
      signer.item(key, { tbs: new Uint8Array([1, 2, 3]) }),
      signer.item(key, { tbs: sampleCertificate({ now: START, spki: key.publicKey, validity: 3_601 }) }),
      signer.item(key, { keyName: log.name }),
      { ...signed, intentId: randomUUID() },
      signer.item(key),
    ]);
    expect(outcomes.map(codeOf)).toEqual([
      'signed',
      'key-not-found',
      'tbs-malformed',
      'outside-key-policy',
      'outside-key-policy',
      'serial-reused',
      'signed',
    ]);
  });

  test('tells of a batch in one event for each key, and of refusals in one for each reason', async () => {
    const { work, signer } = setUp();
    const [a, b] = [await signer.createKey('a'), await signer.createKey('b')];
    const before = work.events.length;
    const tooLong = () => sampleCertificate({ now: START, spki: a.publicKey, validity: 7_200 });
    const items = [
      signer.item(a),
      signer.item(b),
      signer.item(a, { tbs: tooLong() }),
      signer.item(a, { kind: 'crl', tbs: sampleCrl({ now: START }) }),
      signer.item(a, { tbs: tooLong() }),
    ];
    const call = sampleCall('call-7');
    await signer.sign(items, call);
    const intents = (...indexes: number[]) => indexes.map((i) => items[i]?.intentId);
    expect(work.events.slice(before)).toEqual([
      expect.objectContaining({
        type: 'signing.performed',
        subject: 'projects/acme/keys/a',
        project: 'acme',
        call,
        data: { version: 1, certificates: 1, crls: 1, intents: intents(0, 3) },
      }),
      expect.objectContaining({ type: 'signing.performed', subject: 'projects/acme/keys/b' }),
      expect.objectContaining({
        type: 'signing.refused',
        subject: 'projects/acme/keys/a',
        refusal: 'outside-key-policy',
        data: { rule: 'validity', intents: intents(2, 4) },
      }),
    ]);
  });

  test('calls at once share transactions, and each has its own event', async () => {
    const { work, signer } = setUp();
    let transactions = 0;
    const counting: UnitOfWork = {
      read: (name, run) => work.read(name, run),
      transaction: (name, run) => {
        transactions += 1;
        return work.transaction(name, run);
      },
    };
    const replica = new TestSigner({ work: counting, now: () => START, backend: signer.backend });
    const key = await signer.createKey('ca');
    await replica.sign([replica.item(key)]);
    const before = { transactions, events: work.events.length };
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => replica.sign([replica.item(key)], sampleCall(`call-${i}`))),
    );
    expect(outcomes.flat().map(codeOf)).toEqual(new Array(50).fill('signed'));
    expect(transactions - before.transactions).toBeLessThanOrEqual(3);
    expect(work.events.length - before.events).toBe(50);
  });

  test('a signature whose row was not written stays inside', async () => {
    const { work, signer } = setUp();
    const key = await signer.createKey('ca');
    const broken: UnitOfWork = {
      read: (name, run) => work.read(name, run),
      transaction: () => Promise.reject(new Error('the database went away')),
    };
    const replica = new TestSigner({ work: broken, now: () => START, backend: signer.backend });
    const outcomes = await replica.sign([replica.item(key), replica.item(key)]);
    expect(outcomes.map(codeOf)).toEqual(new Array(2).fill('failed: Error: the database went away'));
    expect(work.ledgerIntents).toEqual([]);
  });

  test('a whole batch of 256 goes through', async () => {
    const { work, signer } = setUp();
    const key = await signer.createKey('ca');
    const items = Array.from({ length: 256 }, () => signer.item(key));
    expect((await signer.sign(items)).map(codeOf)).toEqual(new Array(256).fill('signed'));
    expect(work.ledgerIntents).toHaveLength(256);
    expect(work.events.filter(({ type }) => type === 'signing.performed')).toHaveLength(1);
  });
});

describe('resolveIntent', () => {
  test('gives the signature where there is one, again and again', async () => {
    const { work, signer } = setUp();
    const item = signer.item(await signer.createKey('ca'));
    const [signed] = await signer.sign([item]);
    for (let i = 0; i < 2; i++) {
      const end = await resolveIntent(work, { ...item, call: sampleCall() });
      expect(end).toMatchObject({ state: 'signed', signature: { signature: signatureOf(signed) } });
    }
  });

  test('voids what was not signed, for good, and tells of it once', async () => {
    const { work, signer } = setUp();
    const item = signer.item(await signer.createKey('ca'));
    const first = await resolveIntent(work, { ...item, call: sampleCall() });
    expect(first.state).toBe('voided');
    expect(await resolveIntent(work, { ...item, call: sampleCall() })).toEqual(first);
    expect((await signer.sign([item])).map(codeOf)).toEqual(['intent-voided']);
    expect(work.events.filter(({ type }) => type === 'signing.voided')).toHaveLength(1);
  });

  test('against a signature under way, one of the two wins and the other says so', async () => {
    for (let i = 0; i < 20; i++) {
      const { work, signer } = setUp();
      const item = signer.item(await signer.createKey('ca'));
      const [[outcome], end] = await Promise.all([
        signer.sign([item]),
        resolveIntent(work, { ...item, call: sampleCall() }),
      ]);
      expect(codeOf(outcome)).toBe(end.state === 'signed' ? 'signed' : 'intent-voided');
    }
  });

  test('an intent of another key is not told', async () => {
    const { work, signer } = setUp();
    const [key, other] = [await signer.createKey('ca'), await signer.createKey('other')];
    const item = signer.item(key);
    await signer.sign([item]);
    const elsewhere = { ...item, keyName: other.name, call: sampleCall() };
    await expect(resolveIntent(work, elsewhere)).rejects.toMatchObject({ code: 'intent-conflict' });
    const foreign = { ...item, keyName: { project: 'other', key: 'ca' }, call: sampleCall() };
    await expect(resolveIntent(work, foreign)).rejects.toMatchObject({ code: 'key-not-found' });
  });
});
