import { DbError } from './db-error.ts';
import type { LeaseTable } from './lease-table.ts';
import type { Tx } from './sql.ts';
import { tableName } from './table-name.ts';

/** The right to lead, until it expires or is passed on. */
export interface Lease {
  /** Given out once for each take-over, growing: whoever has a lower one is a former leader. */
  readonly fence: bigint;
  /** By the database's clock. */
  readonly expiresAt: Date;
}

/**
 * Makes sure, inside a transaction, that the lease is still held: the transaction then commits before anybody else can
 * take the lease over. Call it before the first write that only the leader may do.
 *
 * @throws DbError 'lease-lost' when the lease was taken over or has expired. The transaction MUST then be rolled back,
 * which passing the error on does.
 */
export async function assertLease(
  tx: Tx,
  { table, name, fence }: { table: LeaseTable; name: string; fence: bigint },
): Promise<void> {
  // FOR KEY SHARE: a take-over changes the fence, a key column, and so waits for this transaction; a renewal does not.
  const rows = await tx.sql<{ fence: bigint; live: boolean }[]>`
    select fence, expires_at > clock_timestamp() as live
    from ${tx.sql(tableName(table))}
    where name = ${name}
    for key share`;
  const row = rows[0];
  if (row?.fence !== fence || !row.live) {
    throw new DbError('lease-lost', `The lease ${name} has passed to another process. Nothing was changed.`);
  }
}
