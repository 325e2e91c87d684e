import { sleep } from '@cert-tasks/kernel';
import { makeRequest } from '@cert-tasks/stack';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clients, PROJECT, TestPlatform } from '../test-platform.ts';

/** DESIGN section 6: an issuance costs at most this many row writes over all services. */
const BUDGET = 8;
const ISSUANCES = 200;
const IN_FLIGHT = 32;
/** Writes of loops that go on all the time, between two looks. */
const HOUSEKEEPING = 20;
const STATISTICS_DELAY_MS = 1_500;
const STEADY_WITHIN_MS = 30_000;

let test: TestPlatform;
let clients: Clients;

beforeAll(async () => {
  test = await TestPlatform.start();
  clients = test.clients();
}, 120_000);

afterAll(() => test.stop(), 60_000);

describe('an issuance', () => {
  it(`costs at most ${BUDGET} row writes over all services, batches and housekeeping shared`, async () => {
    const sql = postgres(test.platform.databaseUrl, { max: 1 });
    try {
      const before = await written(sql);
      await issueMany();
      expect(await test.settle()).toEqual([]);
      const after = await written(sql);
      const perIssuance = [...after].map(([table, count]) => ({
        table,
        count: (count - (before.get(table) ?? 0)) / ISSUANCES,
      }));
      const noted = perIssuance
        .filter(({ count }) => count >= 0.5)
        .map(({ table, count }) => `${table} ${count.toFixed(2)}`);
      // Rows that a batch shares (leases, positions, tree state, tiles, consumers) come to a part of one each.
      const single = perIssuance.reduce((sum, { count }) => sum + Math.round(count), 0);
      expect(single, noted.join(', ')).toBeLessThanOrEqual(BUDGET);
    } finally {
      await sql.end();
    }
  }, 120_000);
});

async function issueMany(): Promise<void> {
  let left = ISSUANCES;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const value = makeRequest({ dnsNames: [`n${left}.example.test`] }).csrDer;
      await clients.certificates.issueCertificate({
        parent: `projects/${PROJECT}`,
        certificationRequest: { case: 'csrDer', value },
        requestId: `budget-${left}`,
      });
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** Rows inserted, updated and deleted so far, by table. A session writes its statistics at most a second after its transaction. */
async function written(sql: postgres.Sql): Promise<ReadonlyMap<string, number>> {
  let counts = await readCounts(sql);
  for (const until = performance.now() + STEADY_WITHIN_MS; performance.now() < until; ) {
    await sleep(STATISTICS_DELAY_MS);
    const now = await readCounts(sql);
    const steady = [...now].every(([table, count]) => Math.abs(count - (counts.get(table) ?? 0)) < HOUSEKEEPING);
    counts = now;
    if (steady) return counts;
  }
  throw new Error('The platform writes on and on.');
}

async function readCounts(sql: postgres.Sql): Promise<Map<string, number>> {
  await sql`select pg_stat_clear_snapshot()`;
  const rows = await sql<{ table: string; writes: string }[]>`
    select schemaname || '.' || relname as table, n_tup_ins + n_tup_upd + n_tup_del as writes
    from pg_stat_user_tables where schemaname in ('cert', 'signer', 'task', 'audit') and relname <> 'leases'`;
  return new Map(rows.map(({ table, writes }) => [table, Number(writes)]));
}
