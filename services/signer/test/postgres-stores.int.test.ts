import { createDatabase } from '@cert-tasks/db';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PostgresUnitOfWork } from '../src/infrastructure/postgres/postgres-unit-of-work.ts';
import { type SignerDatabase, signerDatabase } from './signer-database.ts';
import { describeUnitOfWork } from './unit-of-work.contract.ts';

let database: SignerDatabase;
let work: PostgresUnitOfWork;

beforeAll(async () => {
  database = await signerDatabase();
  work = await database.replica();
});
afterAll(() => database.drop());

describeUnitOfWork('PostgreSQL', () => work);

describe('rights in the database', () => {
  async function refusal(url: string, statement: string): Promise<string> {
    const connection = createDatabase({
      url,
      schema: 'signer',
      applicationName: 'signer-test',
      maxConnections: 1,
      log: database.testLog.log,
      statementTimeoutMs: 10_000,
    });
    try {
      await connection.sql.unsafe(statement);
      return 'done';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    } finally {
      await connection.stop();
    }
  }

  const INSUFFICIENT_PRIVILEGE = '42501';
  const RESTRICT_VIOLATION = '23001';

  test.each([
    `update signer.ledger set state = 'voided'`,
    'delete from signer.ledger',
    'truncate signer.ledger',
    'delete from signer.checkpoint_ledger',
    'update signer.checkpoint_ledger set tree_size = 0',
    'delete from signer.keys',
    `update signer.keys set policy = '{}'`,
    `update signer.keys set project = 'other'`,
    `update signer.keys set purpose = 'log-checkpoint'`,
    `update signer.key_versions set sealed = ''`,
    'delete from signer.key_versions',
    'create table signer.mine (a int)',
    'alter table signer.keys add column mine int',
  ])('the runtime role may not: %s', async (statement) => {
    expect(await refusal(database.appUrl, statement)).toBe(INSUFFICIENT_PRIVILEGE);
  });

  test.each([
    `update signer.ledger set state = 'voided'`,
    'delete from signer.ledger',
    'truncate signer.ledger',
    `update signer.checkpoint_ledger set note_body = ''`,
    'delete from signer.checkpoint_ledger',
    'truncate signer.checkpoint_ledger',
  ])('not even the owner may: %s', async (statement) => {
    expect(await refusal(database.ownerUrl, statement)).toBe(RESTRICT_VIOLATION);
  });
});
