import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { type Event, EventSchema } from '@cert-tasks/contracts/event/v1';
import { createDatabase, type Database, migrate } from '@cert-tasks/db';
import { systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { createTestDatabase, type TestDatabase, testLog } from '@cert-tasks/testkit';
import { PostgresAuthorityStore } from '../src/infrastructure/postgres/authority-store.ts';
import { PostgresCertificateStore } from '../src/infrastructure/postgres/certificate-store.ts';
import { PostgresCrlStore } from '../src/infrastructure/postgres/crl-store.ts';
import { EventOutbox } from '../src/infrastructure/postgres/event-outbox.ts';
import { PostgresEventTrail } from '../src/infrastructure/postgres/event-trail.ts';
import { PostgresReconciliationStore } from '../src/infrastructure/postgres/reconciliation-store.ts';
import type { WorldStores } from '../src/testing/cert-world.ts';

/** Where cert's migrations are. */
export const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

/** A migrated database of a test's own, with stores over the runtime role. */
export interface CertDatabase {
  readonly test: TestDatabase;
  readonly db: Database;
  readonly stores: WorldStores;
  /** Further stores, as another replica has them. */
  replica(): { readonly db: Database; readonly stores: WorldStores };
  /** Events of the outbox about a subject, in order. */
  events(subject: string): Promise<readonly Event[]>;
  close(): Promise<void>;
}

/** Makes the database and migrates it. */
export async function certDatabase(): Promise<CertDatabase> {
  const test = await createTestDatabase({ service: 'cert' });
  const { log } = testLog();
  await migrate({ ownerUrl: test.ownerUrl, schema: 'cert', folder: MIGRATIONS, log });
  const opened: Database[] = [];
  const replica = () => {
    const db = createDatabase({
      url: test.appUrl,
      schema: 'cert',
      applicationName: 'cert-test',
      maxConnections: 6,
      log,
      statementTimeoutMs: 20_000,
    });
    opened.push(db);
    const events = new EventOutbox({
      clock: systemClock,
      randomBytes: systemRandomBytes,
      onCommitted: () => undefined,
    });
    return {
      db,
      stores: {
        certificates: new PostgresCertificateStore({ db, events }),
        authorities: new PostgresAuthorityStore({ db, events }),
        crls: new PostgresCrlStore({ db, events }),
        reconciliation: new PostgresReconciliationStore({ db }),
        trail: new PostgresEventTrail({ db, events }),
      },
    };
  };
  const { db, stores } = replica();
  return {
    test,
    db,
    stores,
    replica,
    async events(subject) {
      const rows = await db.sql<{ body: Uint8Array }[]>`select body from cert.outbox order by id`;
      return rows.map(({ body }) => fromBinary(EventSchema, body)).filter((event) => event.subject === subject);
    },
    async close() {
      for (const one of opened) await one.stop();
      await test.drop();
    },
  };
}
