import { leafHash } from '@cert-tasks/merkle';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publishCheckpoint } from '../src/application/publish-checkpoint.ts';
import { sequenceEvents } from '../src/application/sequence-events.ts';
import { type LogKey, signedCheckpoint } from '../src/domain/checkpoint.ts';
import { verifyLog } from '../src/infrastructure/postgres/verify-log.ts';
import { sampleEntries, sampleEntry } from '../src/testing/sample-events.ts';
import { TestWitness } from '../src/testing/test-witness.ts';
import { type AuditDatabase, auditDatabase, LEASES } from './audit-database.ts';

let database: AuditDatabase;
let key: LogKey;

/** 600 entries: two full tiles and the beginning of a third; number 100 of signer cannot be read; checkpoints of 300 and 600. */
beforeEach(async () => {
  database = await auditDatabase();
  const { work, reader, checkpoints } = database.stores();
  const right = await database.lease(LEASES.sequencer, 'test').acquire();
  const checkpointRight = await database.lease(LEASES.checkpointer, 'test').acquire();
  if (right === undefined || checkpointRight === undefined) throw new Error('a fresh lease is free');
  const witness = new TestWitness();
  key = await witness.logKey();
  await sequenceEvents(work, { right, next: sampleEntries('cert', 1n, 300n), repeats: [] });
  await publishCheckpoint({ log: reader, checkpoints, witness }, checkpointRight);
  const signer = [
    ...sampleEntries('signer', 1n, 99n),
    sampleEntry({ source: 'signer', number: 100n }, { project: '' }),
    ...sampleEntries('signer', 101n, 300n),
  ];
  await sequenceEvents(work, { right, next: signer, repeats: [] });
  await publishCheckpoint({ log: reader, checkpoints, witness }, checkpointRight);
});
afterEach(() => database.close());

/** As a superuser does who turns off the triggers. */
async function tamper(...statements: readonly string[]): Promise<void> {
  await database.admin.transaction('tamper', async ({ sql }) => {
    await sql`set local session_replication_role = replica`;
    for (const statement of statements) await sql.unsafe(statement);
  });
}

async function found(): Promise<string[]> {
  const breaches = await verifyLog(database.db, key);
  return breaches.map(({ kind, index }) => (index === undefined ? kind : `${kind} ${index}`));
}

test('an untouched log has no breach, also after a body was erased', async () => {
  expect(await found()).toEqual([]);
  await database.db.sql`delete from bodies where index in (5, 599)`;
  await database.db.sql`delete from raw_bodies`;
  expect(await found()).toEqual([]);
});

describe('finds and names', () => {
  test('a body that was edited', async () => {
    await tamper(`update bodies set canonical_event = replace(canonical_event, 'alice', 'mallory') where index = 42`);
    expect(await found()).toEqual(['body-changed 42']);
  });

  test('a body that was filed under another of what it is found by', async () => {
    const columns = ['project', 'type', 'subject', 'actor', 'action', 'source', 'actor_kind', 'result'];
    await tamper(...columns.map((column, i) => `update bodies set ${column} = 'other' where index = ${i}`));
    expect(await found()).toEqual(columns.map((_, i) => `body-changed ${i}`));
  });

  test('a body that was filed under another time, and entries under another project or id', async () => {
    await tamper(
      `update bodies set time = time + interval '1 ms' where index = 7`,
      `update entries set project = 'other' where index = 8`,
      `update entries set event_id = gen_random_uuid() where index = 9`,
    );
    expect(await found()).toEqual(['body-changed 7', 'body-changed 8', 'key-changed 9', 'body-changed 9']);
  });

  test('raw bytes that were edited', async () => {
    await tamper(`update raw_bodies set raw = raw || '\\x00'`);
    expect(await found()).toEqual(['body-changed 399']);
  });

  test('a leaf that was edited with its body, under a full tile', async () => {
    const forged = sampleEntry({ source: 'cert', number: 101n }, { subject: 'forged' });
    await replaceEntry(100n, forged);
    expect(await found()).toEqual(['entry-changed 100', 'checkpoint-changed', 'checkpoint-changed', 'tree-changed']);
  });

  test('a leaf that was edited past the last full tile', async () => {
    const forged = sampleEntry({ source: 'signer', number: 290n }, { subject: 'forged' });
    await replaceEntry(589n, forged);
    expect(await found()).toEqual(['checkpoint-changed', 'tree-changed']);
    expect((await verifyLog(database.db, key))[0]?.message).toContain('after entry 299');
  });

  test('a leaf that was edited with all its traces, but for the signature', async () => {
    const forged = sampleEntry({ source: 'cert', number: 101n }, { subject: 'forged' });
    await replaceEntry(100n, forged);
    const hash = Buffer.from(leafHash(forged.leafData)).toString('hex');
    await tamper(
      `update tiles set hashes = overlay(hashes placing '\\x${hash}' from 3201) where level = 0 and index = 0`,
    );
    // The tile's hashes fit the entries again; its root, the state and the checkpoints do not.
    expect(await found()).toEqual(['tile-changed', 'checkpoint-changed', 'checkpoint-changed', 'tree-changed']);
  });

  test('two leaves that were swapped', async () => {
    await tamper(
      `update entries set leaf_data = case index when 10 then (select leaf_data from entries where index = 20)
        else (select leaf_data from entries where index = 10) end where index in (10, 20)`,
    );
    expect(await found()).toEqual(
      expect.arrayContaining(['body-changed 10', 'body-changed 20', 'entry-changed 10', 'entry-changed 20']),
    );
  });

  test('an entry that was removed, with all that belongs to it', async () => {
    await tamper(...['entries', 'entry_keys', 'bodies'].map((table) => `delete from ${table} where index = 55`));
    expect(await found()).toEqual(['entry-missing 55', 'number-changed 56']);
  });

  test('entries that were cut off at the end', async () => {
    await tamper(...['entries', 'entry_keys', 'bodies'].map((table) => `delete from ${table} where index >= 590`));
    expect(await found()).toEqual(['entry-missing 590', 'checkpoint-changed', 'tree-changed', 'position-changed']);
  });

  test('a log that was cut back to an older checkpoint with its state', async () => {
    const [before] = await database.db.sql<{ range: string }[]>`
      select encode(range, 'hex') as range from tree_state`;
    expect(before).toBeDefined();
    await tamper(
      ...['entries', 'entry_keys', 'bodies', 'raw_bodies'].map((table) => `delete from ${table} where index >= 300`),
      `update tree_state set size = 300`,
      `delete from positions where source = 'signer'`,
      `delete from tiles where index = 1`,
    );
    // The later checkpoint, and the range that only the tree of then has.
    expect(await found()).toEqual(['checkpoint-changed', 'tree-changed']);
  });

  test('an entry that was added at the end', async () => {
    await tamper(
      `insert into entries select 600, source, 301, gen_random_uuid(), project, leaf_data, problem, integrated_at
        from entries where index = 599`,
    );
    expect(await found()).toEqual(['entry-added 600']);
  });

  test('tiles that were removed, changed and added', async () => {
    await tamper(
      `delete from tiles where level = 0 and index = 1`,
      `update tiles set root = decode(repeat('00', 32), 'hex') where level = 0 and index = 0`,
      `insert into tiles select 3, 0, root, hashes from tiles where level = 0 and index = 0`,
    );
    expect(await found()).toEqual(['tile-changed', 'tile-changed']);
    await tamper(`insert into tiles select 3, 1, root, hashes from tiles where level = 0 and index = 0`);
    expect(await found()).toEqual(['tile-changed', 'tile-changed', 'tile-changed']);
  });

  test('keys that were removed and changed', async () => {
    await tamper(`delete from entry_keys where index = 3`, `update entry_keys set index = 5 where index = 4`);
    expect(await found()).toEqual(['key-changed 3', 'key-changed 4', 'key-changed']);
  });

  test('positions, the tree and numbers that were changed', async () => {
    await tamper(
      `update positions set number = 299 where source = 'cert'`,
      `update tree_state set range = range || decode(repeat('00', 32), 'hex')`,
      `update entries set number = 1000 where index = 2`,
    );
    expect(await found()).toEqual([
      'key-changed 2',
      'body-changed 2',
      'number-changed 2',
      'number-changed 3',
      'tree-changed',
      'position-changed',
    ]);
  });

  test('a checkpoint of another tree, one by another key, and one replayed at another size', async () => {
    const other = new TestWitness();
    const [{ root } = { root: new Uint8Array(32) }] = await database.db.sql<{ root: Uint8Array }[]>`
      select root_hash as root from checkpoints where tree_size = 600`;
    const head = { size: 600n, root };
    const signature = await other.sign({ head, oldSize: 0n, consistencyProof: [] });
    const { signedNote } = signedCheckpoint(await other.logKey(), head, signature);
    await tamper(`update checkpoints set signed_note = '${signedNote}' where tree_size = 600`);
    expect(await found()).toEqual(['checkpoint-changed']);
    await tamper(
      `update checkpoints set (root_hash, signed_note) = (select root_hash, signed_note from checkpoints where tree_size = 300)
        where tree_size = 600`,
    );
    expect(await found()).toEqual(['checkpoint-changed', 'checkpoint-changed']);
    await tamper(`update checkpoints set tree_size = 601 where tree_size = 600`);
    expect(await found()).toEqual(['checkpoint-changed']);
  });
});

async function replaceEntry(index: bigint, entry: ReturnType<typeof sampleEntry>): Promise<void> {
  if (entry.body.kind !== 'event') throw new Error('is an event');
  const { canonicalEvent, event } = entry.body;
  await database.admin.transaction('replace', async ({ sql }) => {
    await sql`set local session_replication_role = replica`;
    await sql`update entries set leaf_data = ${entry.leafData} where index = ${index}`;
    await sql`update bodies set canonical_event = ${canonicalEvent}, subject = ${event.subject} where index = ${index}`;
  });
}
