import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { afterAll, afterEach, expect, test } from 'vitest';
import { sequenceEvents } from '../src/application/sequence-events.ts';
import { sampleEntries } from '../src/testing/sample-events.ts';
import { type AuditDatabase, auditDatabase, LEASES } from './audit-database.ts';
import { logContract } from './log.contract.ts';

const open: AuditDatabase[] = [];

afterEach(async () => {
  for (const database of open.splice(0)) await database.close();
});
afterAll(async () => {
  for (const database of open) await database.close();
});

logContract(async () => {
  const database = await auditDatabase();
  open.push(database);
  const right = await database.lease(LEASES.sequencer, 'test').acquire();
  const checkpointRight = await database.lease(LEASES.checkpointer, 'test').acquire();
  if (right === undefined || checkpointRight === undefined) throw new Error('a fresh lease is free');
  const { db } = database;
  return {
    ...database.stores(),
    right,
    checkpointRight,
    told: async () => {
      const rows = await db.sql<{ body: Uint8Array }[]>`select body from outbox order by id`;
      return rows.map(({ body }) => {
        const { type, reason, subject } = fromBinary(EventSchema, body);
        if (type !== 'conflict.detected') throw new Error(`told ${type}`);
        return { type, reason, subject };
      });
    },
    conflictCount: async () => (await db.sql`select from conflicts`).length,
  };
});

test('an entry costs two rows: itself and its body', async () => {
  const database = await auditDatabase();
  open.push(database);
  const right = await database.lease(LEASES.sequencer, 'test').acquire();
  if (right === undefined) throw new Error('a fresh lease is free');
  const { work } = database.stores();
  await sequenceEvents(work, { right, next: sampleEntries('cert', 1n, 1n), repeats: [] });
  const before = await rowCounts(database);
  await sequenceEvents(work, { right, next: sampleEntries('cert', 2n, 101n), repeats: [] });
  const after = await rowCounts(database);
  const grown = [...after].map(([table, count]) => [table, count - (before.get(table) ?? 0n)] as const);
  expect(new Map(grown.filter(([, count]) => count > 0n))).toEqual(
    new Map([
      ['bodies', 100n],
      ['entries', 100n],
    ]),
  );
});

async function rowCounts({ admin }: AuditDatabase): Promise<ReadonlyMap<string, bigint>> {
  const tables = await admin.sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'audit' order by 1`;
  const counts = new Map<string, bigint>();
  for (const { name } of tables) {
    const [row] = await admin.sql<{ count: bigint }[]>`select count(*) as count from ${admin.sql(`audit.${name}`)}`;
    counts.set(name, row?.count ?? 0n);
  }
  return counts;
}
