import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema } from '@cert-tasks/contracts/event/v1';
import { afterAll, afterEach } from 'vitest';
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
