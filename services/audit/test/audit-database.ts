import { fileURLToPath } from 'node:url';
import { createDatabase, type Database, LeaseHolder, migrate } from '@cert-tasks/db';
import { systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { createTestDatabase, type TestDatabase, testLog } from '@cert-tasks/testkit';
import { OutboxOwnEvents } from '../src/infrastructure/postgres/outbox-own-events.ts';
import { PostgresCheckpointStore } from '../src/infrastructure/postgres/postgres-checkpoint-store.ts';
import { PostgresLogReader } from '../src/infrastructure/postgres/postgres-log-reader.ts';
import { PostgresLogWork } from '../src/infrastructure/postgres/postgres-log-work.ts';
import { leases, outbox, outboxConsumers, outboxState } from '../src/infrastructure/postgres/schema.ts';

const { log } = testLog();

/** The names of the leases in these tests. */
export const LEASES = { sequencer: 'audit-sequencer', checkpointer: 'audit-checkpointer' } as const;

/** A migrated database of a test file's own. */
export interface AuditDatabase {
  readonly test: TestDatabase;
  /** As the runtime role. */
  readonly db: Database;
  /** As the superuser, who may do anything. */
  readonly admin: Database;
  /** The stores over a connection pool, the runtime role's by default. */
  stores(db?: Database): ReturnType<typeof storesOver>;
  lease(name: string, holder: string, ttlMs?: number): LeaseHolder;
  close(): Promise<void>;
}

/** Makes a database with the schema of audit. */
export async function auditDatabase(): Promise<AuditDatabase> {
  const test = await createTestDatabase({ service: 'audit' });
  const folder = fileURLToPath(new URL('../migrations', import.meta.url));
  await migrate({ ownerUrl: test.ownerUrl, schema: 'audit', folder, log });
  const open = (url: string): Database =>
    createDatabase({
      url,
      schema: 'audit',
      applicationName: 'audit-test',
      maxConnections: 6,
      log,
      statementTimeoutMs: 10_000,
    });
  const db = open(test.appUrl);
  const admin = open(test.adminUrl);
  return {
    test,
    db,
    admin,
    stores: (over = db) => storesOver(over),
    lease: (name, holder, ttlMs = 10_000) => new LeaseHolder({ db, table: leases, name, holder, ttlMs }),
    async close() {
      await db.stop();
      await admin.stop();
      await test.drop();
    },
  };
}

function storesOver(db: Database) {
  const tables = { outbox, outboxState, outboxConsumers };
  const ownEvents = new OutboxOwnEvents({
    db,
    tables,
    clock: systemClock,
    randomBytes: systemRandomBytes,
    onAppended: () => undefined,
  });
  return {
    ownEvents,
    tables,
    reader: new PostgresLogReader(db),
    checkpoints: new PostgresCheckpointStore({ db, leases, leaseName: LEASES.checkpointer }),
    work: new PostgresLogWork({
      db,
      leases,
      leaseName: LEASES.sequencer,
      tell: (tx, events) => ownEvents.appendIn(tx, events),
    }),
  };
}
