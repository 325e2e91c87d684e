import { fileURLToPath } from 'node:url';
import { createDatabase, type Database, migrate, type Sql } from '@cert-tasks/db';
import { createTestDatabase, type TestLog, testLog } from '@cert-tasks/testkit';
import { PostgresUnitOfWork } from '../src/infrastructure/postgres/postgres-unit-of-work.ts';

const MIGRATIONS = fileURLToPath(new URL('../migrations', import.meta.url));

/** A migrated database of a test file's own, as several replicas and its superuser see it. */
export interface SignerDatabase {
  readonly ownerUrl: string;
  readonly appUrl: string;
  /** As the superuser. */
  readonly admin: Sql;
  readonly testLog: TestLog;
  /** The state as one more replica has it, through a pool of its own. */
  replica(): Promise<PostgresUnitOfWork>;
  drop(): Promise<void>;
}

/** Makes one. */
export async function signerDatabase(): Promise<SignerDatabase> {
  const { ownerUrl, appUrl, adminUrl, drop } = await createTestDatabase({ service: 'signer' });
  const logged = testLog();
  await migrate({ ownerUrl, schema: 'signer', folder: MIGRATIONS, log: logged.log });
  const pools: Database[] = [];
  const connect = async (url: string): Promise<Database> => {
    const database = createDatabase({
      url,
      schema: 'signer',
      applicationName: 'signer-test',
      maxConnections: 4,
      log: logged.log,
      statementTimeoutMs: 10_000,
    });
    pools.push(database);
    await database.start();
    return database;
  };
  return {
    ownerUrl,
    appUrl,
    admin: (await connect(adminUrl)).sql,
    testLog: logged,
    replica: async () => new PostgresUnitOfWork({ database: await connect(appUrl), onEvents: () => undefined }),
    drop: async () => {
      for (const pool of pools) await pool.stop();
      await drop();
    },
  };
}
