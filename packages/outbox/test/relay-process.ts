// A relay as a process of its own, for the tests that let it die: relay-process.ts <database URL> <failpoint>

import { createDatabase, leaseTable } from '@cert-tasks/db';
import { armFailpoint } from '@cert-tasks/failpoint';
import { createLogger } from '@cert-tasks/telemetry';
import { pgSchema } from 'drizzle-orm/pg-core';
import { OutboxRelay, outboxTables } from '../src/index.ts';

const [url = '', failpoint] = process.argv.slice(2);
armFailpoint({ name: failpoint, nodeEnv: 'test' });
const schema = pgSchema('cert');
const db = createDatabase({
  url,
  schema: 'cert',
  applicationName: 'relay-process',
  maxConnections: 4,
  log: createLogger({ service: 'relay', level: 'silent' }),
  statementTimeoutMs: 5_000,
});
const relay = new OutboxRelay({
  db,
  tables: outboxTables(schema),
  leases: leaseTable(schema),
  holder: `process-${process.pid}`,
  publisher: { publish: () => Promise.resolve() },
  observer: { iteration: () => undefined, failure: () => undefined },
  leaseTtlMs: 1_500,
  pollMs: 20,
});
await relay.start();
setTimeout(() => process.exit(2), 15_000);
