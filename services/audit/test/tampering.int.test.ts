import { CompactRange, leafHash } from '@cert-tasks/merkle';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { publishCheckpoint } from '../src/application/publish-checkpoint.ts';
import { sequenceEvents } from '../src/application/sequence-events.ts';
import { type LogKey, signedCheckpoint } from '../src/domain/checkpoint.ts';
import { verifyLog, type WitnessedHead } from '../src/fsck.ts';
import { sampleEntries, sampleEntry } from '../src/testing/sample-events.ts';
import { TestWitness } from '../src/testing/test-witness.ts';
import { type AuditDatabase, auditDatabase, LEASES } from './audit-database.ts';

let database: AuditDatabase;
let key: LogKey;

/** What signer has at number 100: it cannot be read. */
const rawEntry = sampleEntry({ source: 'signer', number: 100n }, { project: '' });

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
  const signer = [...sampleEntries('signer', 1n, 99n), rawEntry, ...sampleEntries('signer', 101n, 300n)];
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
  const breaches = await verifyLog(database.db, { keys: [key] });
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
    expect(await found()).toEqual(['body-changed 7', 'body-changed 8', 'body-changed 9']);
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
    expect((await verifyLog(database.db, { keys: [key] }))[0]?.message).toContain('after entry 299');
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
    await tamper(...['entries', 'bodies'].map((table) => `delete from ${table} where index = 55`));
    expect(await found()).toEqual(['entry-missing 55', 'number-changed 56']);
  });

  test('entries that were cut off at the end', async () => {
    await tamper(...['entries', 'bodies'].map((table) => `delete from ${table} where index >= 590`));
    expect(await found()).toEqual(['entry-missing 590', 'checkpoint-changed', 'tree-changed', 'position-changed']);
  });

  test('a log that was cut back to an older checkpoint with its state', async () => {
    const [before] = await database.db.sql<{ range: string }[]>`
      select encode(range, 'hex') as range from tree_state`;
    expect(before).toBeDefined();
    await tamper(
      ...['entries', 'bodies', 'raw_bodies'].map((table) => `delete from ${table} where index >= 300`),
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

  test('a raw entry that was filed under another id or project', async () => {
    await tamper(`update entries set event_id = gen_random_uuid() where index = 399`);
    expect(await found()).toEqual(['id-changed 399']);
    await tamper(
      `update entries set project = 'acme', event_id = '${rawEntry.eventId}' where index = 399`,
      `delete from raw_bodies`,
    );
    expect(await found()).toEqual(['id-changed 399']);
  });

  test('positions, the tree and numbers that were changed', async () => {
    await tamper(
      `update positions set number = 299 where source = 'cert'`,
      `update tree_state set range = range || decode(repeat('00', 32), 'hex')`,
      `update entries set number = 1000 where index = 2`,
    );
    expect(await found()).toEqual([
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

describe('what the witness remembers', () => {
  /** What it signed: the trees of the checkpoints, and one in between. */
  async function heads(...change: readonly Partial<WitnessedHead>[]): Promise<WitnessedHead[]> {
    const rows = await database.db.sql<{ size: bigint; root: Uint8Array }[]>`
      select tree_size as size, root_hash as root from checkpoints order by tree_size`;
    const leaves = await database.db.sql<{ leaf: Uint8Array }[]>`
      select leaf_data as leaf from entries where index < 450 order by index`;
    const range = CompactRange.empty();
    range.appendAll(leaves.map(({ leaf }) => leafHash(leaf)));
    const [first, last] = rows;
    if (first === undefined || last === undefined) throw new Error('both were published');
    const all = [first, { size: 450n, root: range.root() }, last];
    return all.map((head, i) => ({ ...head, ...change[i] })).toSorted((a, b) => Number(a.size - b.size));
  }

  async function against(witnessed: readonly WitnessedHead[]) {
    const breaches = await verifyLog(database.db, { keys: [key], heads: inOrder(witnessed) });
    return breaches.map(({ kind, message }) => `${kind}: ${message}`);
  }

  test('is the log, at sizes that have a checkpoint and at others', async () => {
    expect(await against(await heads())).toEqual([]);
    expect(await against([...(await heads()), ...(await heads())].toSorted((a, b) => Number(a.size - b.size)))).toEqual(
      [],
    );
    expect(await against([])).toEqual([]);
  });

  test('is another log of the same size: told once, with where they part', async () => {
    const other = { root: new Uint8Array(32) };
    expect(await against(await heads({}, other, other))).toEqual([
      'forked: the witness signed another tree of 450 entries: it differs after entry 299',
    ]);
  });

  test('is a longer log', async () => {
    expect(await against(await heads({}, { size: 601n }, { size: 700n }))).toEqual([
      'shrunk: the witness signed a log of 601 entries, and this one has fewer',
    ]);
  });

  test('is not that of a checkpoint by another key', async () => {
    const stranger = await new TestWitness().logKey();
    const breaches = await verifyLog(database.db, { keys: [stranger] });
    expect(breaches.map(({ kind }) => kind)).toEqual(['checkpoint-changed', 'checkpoint-changed']);
    expect(await verifyLog(database.db, { keys: [stranger, key] })).toEqual([]);
    expect(await verifyLog(database.db, { keys: [] })).toHaveLength(2);
  });
});

async function* inOrder<T>(values: readonly T[]): AsyncGenerator<T, void, void> {
  yield* values;
}

async function replaceEntry(index: bigint, entry: ReturnType<typeof sampleEntry>): Promise<void> {
  if (entry.body.kind !== 'event') throw new Error('is an event');
  const { canonicalEvent, event } = entry.body;
  await database.admin.transaction('replace', async ({ sql }) => {
    await sql`set local session_replication_role = replica`;
    await sql`update entries set leaf_data = ${entry.leafData} where index = ${index}`;
    await sql`update bodies set canonical_event = ${canonicalEvent}, subject = ${event.subject} where index = ${index}`;
  });
}
