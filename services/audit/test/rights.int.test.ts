import type { Database } from '@cert-tasks/db';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { publishCheckpoint } from '../src/application/publish-checkpoint.ts';
import { sequenceEvents } from '../src/application/sequence-events.ts';
import { sampleEntries, sampleEntry } from '../src/testing/sample-events.ts';
import { TestWitness } from '../src/testing/test-witness.ts';
import { type AuditDatabase, auditDatabase, LEASES } from './audit-database.ts';

const FOR_EVER = ['entries', 'tiles', 'checkpoints', 'conflicts'] as const;
const COLUMN = {
  entries: 'source',
  tiles: 'level',
  checkpoints: 'origin',
  conflicts: 'source',
} as const;

let database: AuditDatabase;

beforeAll(async () => {
  database = await auditDatabase();
  const { work, reader, checkpoints } = database.stores();
  const right = await database.lease(LEASES.sequencer, 'test').acquire();
  const checkpointRight = await database.lease(LEASES.checkpointer, 'test').acquire();
  if (right === undefined || checkpointRight === undefined) throw new Error('a fresh lease is free');
  await sequenceEvents(work, { right, next: sampleEntries('cert', 1n, 300n), repeats: [] });
  const conflicting = sampleEntry({ source: 'cert', number: 1n }, { subject: 'other' });
  await sequenceEvents(work, { right, next: [], repeats: [conflicting] });
  await publishCheckpoint({ log: reader, checkpoints, witness: new TestWitness() }, checkpointRight);
});
afterAll(() => database.close());

function run(db: Database, statement: string): Promise<unknown> {
  return db.transaction('test', async ({ sql }) => await sql.unsafe(statement));
}

test.each(FOR_EVER)('the runtime role cannot change or delete rows of %s', async (table) => {
  const denied = { code: '42501', message: `permission denied for table ${table}` };
  const column = COLUMN[table];
  await expect(run(database.db, `update ${table} set ${column} = ${column}`)).rejects.toMatchObject(denied);
  await expect(run(database.db, `delete from ${table}`)).rejects.toMatchObject(denied);
  await expect(run(database.db, `truncate ${table}`)).rejects.toMatchObject(denied);
});

test.each(FOR_EVER)('a trigger refuses it to whoever may, for %s', async (table) => {
  const refused = { code: '23001', message: `rows of audit.${table} are never changed or deleted` };
  const column = COLUMN[table];
  expect((await database.db.sql.unsafe(`select from ${table}`)).length).toBeGreaterThan(0);
  await expect(run(database.admin, `update ${table} set ${column} = ${column}`)).rejects.toMatchObject(refused);
  await expect(run(database.admin, `delete from ${table}`)).rejects.toMatchObject(refused);
  await expect(run(database.admin, `truncate ${table}`)).rejects.toMatchObject(refused);
});

test('bodies are erased, never rewritten', async () => {
  await expect(run(database.db, `update bodies set actor = 'x'`)).rejects.toMatchObject({ code: '42501' });
  await expect(run(database.admin, `update bodies set actor = 'x'`)).rejects.toMatchObject({ code: '23001' });
  await expect(run(database.admin, `update raw_bodies set raw = null`)).rejects.toMatchObject({ code: '23001' });
  await run(database.db, `delete from bodies where index = 299`);
});

test('neither the tree nor a position goes back', async () => {
  const refused = { code: '23001' };
  await expect(run(database.db, `update tree_state set size = size - 1`)).rejects.toMatchObject(refused);
  await expect(run(database.db, `update positions set number = number - 1`)).rejects.toMatchObject(refused);
  await expect(run(database.admin, `delete from tree_state`)).rejects.toMatchObject(refused);
  await expect(run(database.db, `insert into tree_state (size, range) values (0, '')`)).rejects.toMatchObject({
    code: '42501',
  });
});

test('a project is listed by an index for each condition, whatever else the log holds', async () => {
  const plan = (condition: string) =>
    database.db.transaction('explain', async ({ sql }) => {
      await sql`set local enable_seqscan = off`;
      const rows = await sql.unsafe(
        `explain select b.index from bodies b where b.project = 'acme' and ${condition} order by b.index desc limit 50`,
      );
      return JSON.stringify(rows);
    });
  for (const column of ['type', 'subject', 'actor', 'action', 'source']) {
    expect(await plan(`b.${column} = 'x'`)).toContain(`bodies_${column}_idx`);
  }
  expect(await plan(`b.result = 'RESULT_REFUSED'`)).toContain('bodies_result_idx');
  expect(await plan(`b.time > '2100-01-01'`)).toContain('bodies_time_idx');
});
