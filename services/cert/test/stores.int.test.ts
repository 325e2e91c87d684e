import { afterAll, describe, expect, it } from 'vitest';
import { type CertDatabase, certDatabase } from './cert-database.ts';
import { describeStores } from './stores.contract.ts';

let database: CertDatabase | undefined;
const open = async (): Promise<CertDatabase> => {
  database ??= await certDatabase();
  return database;
};

afterAll(() => database?.close());

describeStores('stores in PostgreSQL', async () => {
  const { stores, events } = await open();
  return { stores, events: async (subject) => (await events(subject)).map(({ type }) => type) };
});

describe('the runtime role', () => {
  it('can neither delete nor rewrite what stands for ever', async () => {
    const { db } = await open();
    const { sql } = db;
    for (const statement of [
      'delete from cert.certificates',
      'delete from cert.crls',
      'update cert.certificates set tbs = tbs',
      'update cert.certificates set serial = serial',
      'update cert.crls set tbs = tbs',
      'update cert.revocations set revoked_at = revoked_at',
      'delete from cert.revocations',
      'delete from cert.authorities',
      'update cert.authorities set subject_der = subject_der',
      'update cert.authorities set pki_base_url = pki_base_url',
      'truncate cert.requests',
      'create table cert.mine (id int)',
    ]) {
      await expect(sql.unsafe(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
  });
});
