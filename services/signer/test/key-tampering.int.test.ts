import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SignOutcome } from '../src/application/sign-batch.ts';
import type { Key } from '../src/domain/key.ts';
import { softwareBackend, TestSigner } from '../src/testing/test-signer.ts';
import { type SignerDatabase, signerDatabase } from './signer-database.ts';

const KEK = new Uint8Array(32).fill(5);
const now = () => new Date();
let database: SignerDatabase;
let signer: TestSigner;
let victim: Key;
let other: Key;

beforeAll(async () => {
  database = await signerDatabase();
});
afterAll(() => database.drop());

beforeEach(async () => {
  signer = new TestSigner({ work: await database.replica(), now, backend: softwareBackend(KEK) });
  victim = await signer.createKey(`victim-${randomUUID()}`);
  other = await signer.createKey(`other-${randomUUID()}`);
});

/** Signs on a replica that has nothing open. */
async function signFresh(key: Key): Promise<SignOutcome> {
  const fresh = new TestSigner({ work: await database.replica(), now, backend: softwareBackend(KEK) });
  const [outcome] = await fresh.sign([fresh.item(key)]);
  if (outcome === undefined) throw new Error('No outcome.');
  return outcome;
}

async function expectCorrupt(key: Key): Promise<void> {
  expect(await signFresh(key)).toMatchObject({ ok: false, error: { code: 'sealed-key-corrupt' } });
  const rows = await database.admin`select 1 from signer.ledger where key_id = ${key.id}`;
  expect(rows).toHaveLength(0);
}

describe('with write access to the database', () => {
  test('what is untouched signs', async () => {
    expect(await signFresh(victim)).toMatchObject({ ok: true });
  });

  test.each(['sealed', 'wrapped_data_key', 'public_key'])('a flipped bit of %s is found', async (column) => {
    const { admin } = database;
    await admin`
      update signer.key_versions
      set ${admin(column)} = set_bit(${admin(column)}, length(${admin(column)}) * 4, 1 - get_bit(${admin(column)}, length(${admin(column)}) * 4))
      where key_id = ${victim.id}`;
    await expectCorrupt(victim);
    expect(await signFresh(other)).toMatchObject({ ok: true });
  });

  test("another key's row does not open in its place, whole or in part", async () => {
    const { admin } = database;
    for (const columns of [
      ['sealed'],
      ['wrapped_data_key'],
      ['sealed', 'wrapped_data_key'],
      ['sealed', 'wrapped_data_key', 'public_key', 'kek_id'],
    ]) {
      const [key, source] = [
        await signer.createKey(`to-${randomUUID()}`),
        await signer.createKey(`from-${randomUUID()}`),
      ];
      const [row] = await admin`select * from signer.key_versions where key_id = ${source.id}`;
      await admin`update signer.key_versions set ${admin(row ?? {}, ...columns)} where key_id = ${key.id}`;
      await expectCorrupt(key);
    }
  });

  test.each([
    `jsonb_set(policy, '{maySignAuthorities}', 'true')`,
    `jsonb_set(policy, '{maxValiditySeconds}', '315360000')`,
    `jsonb_set(policy, '{issuerName}', '"3000"')`,
    `policy || '{"maxPathLength": 5}'`,
    `policy || '{"unknown": 5}'`,
    `policy - 'issuerName'`,
    `'{}'`,
  ])('an edited policy closes the key: %s', async (change) => {
    await database.admin.unsafe(`update signer.keys set policy = ${change} where id = '${victim.id}'`);
    await expectCorrupt(victim);
  });

  test('a policy that reads the same after an edit of its text still opens', async () => {
    await database.admin.unsafe(`update signer.keys set policy = policy || '{}' where id = '${victim.id}'`);
    expect(await signFresh(victim)).toMatchObject({ ok: true });
  });

  test('an edited algorithm or purpose closes the key', async () => {
    const { admin } = database;
    await admin`update signer.keys set algorithm = 'ec-p384' where id = ${victim.id}`;
    await expectCorrupt(victim);
    await admin`
      update signer.keys set purpose = 'log-checkpoint', policy = '{"checkpointOrigin": "example.org/log"}'
      where id = ${other.id}`;
    await expectCorrupt(other);
  });

  test('one broken row does not keep the other keys of a batch from signing', async () => {
    await database.admin`update signer.keys set policy = '{}' where id = ${victim.id}`;
    const fresh = new TestSigner({ work: await database.replica(), now, backend: softwareBackend(KEK) });
    const outcomes = await fresh.sign([fresh.item(victim), fresh.item(other)]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([false, true]);
  });
});
