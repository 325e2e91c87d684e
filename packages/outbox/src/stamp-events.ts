import { assertLease, type Database, type Lease, type LeaseTable, tableName } from '@cert-tasks/db';
import { failpoint } from '@cert-tasks/failpoint';
import type { OutboxTables } from './outbox-tables.ts';

/** What stamping did. */
export interface StampResult {
  /** Events that have their number now. */
  readonly stamped: number;
  readonly lastNumber: bigint;
}

/**
 * Gives the next numbers to committed events that have none, at most `limit`, in order of their ids, in one transaction
 * that the holder of the lease alone can commit.
 *
 * An event whose transaction commits later than that of a higher id is not seen here, and gets a later number next time.
 *
 * @throws DbError (as rejection) 'lease-lost' and those of every transaction.
 */
export async function stampEvents(options: {
  db: Database;
  tables: OutboxTables;
  leases: LeaseTable;
  leaseName: string;
  lease: Lease;
  limit: number;
}): Promise<StampResult> {
  const { tables, leases, leaseName, lease, limit } = options;
  const outbox = tableName(tables.outbox);
  const state = tableName(tables.outboxState);
  const result = await options.db.transaction('outbox.stamp', async (tx) => {
    const { sql } = tx;
    await assertLease(tx, { table: leases, name: leaseName, fence: lease.fence });
    // Locked by a statement of its own, so that the next one begins after every earlier stamping has committed.
    const [locked] = await sql<{ lastNumber: bigint }[]>`
      select last_number as "lastNumber" from ${sql(state)} where "only" for update`;
    if (locked === undefined) {
      await sql`insert into ${sql(state)} ("only") values (true) on conflict do nothing`;
      return { stamped: 0, lastNumber: 0n, first: true };
    }
    const [bumped] = await sql<{ stamped: number; lastNumber: bigint }[]>`
      with pending as (
        select id, row_number() over (order by id) as nth
        from (select id from ${sql(outbox)} where number is null order by id limit ${limit}) as unstamped
      ), stamped as (
        update ${sql(outbox)} as o set number = ${locked.lastNumber}::int8 + pending.nth
        from pending where o.id = pending.id
        returning o.id
      )
      update ${sql(state)} set last_number = last_number + (select count(*) from stamped)
      where "only"
      returning (select count(*)::int4 from stamped) as stamped, last_number as "lastNumber"`;
    failpoint('relay.stamp.before-commit');
    return { stamped: bumped?.stamped ?? 0, lastNumber: bumped?.lastNumber ?? locked.lastNumber, first: false };
  });
  if (result.first) return await stampEvents(options);
  if (result.stamped > 0) failpoint('relay.stamp.after-commit');
  return result;
}
