import type postgres from 'postgres';
import type { Breach } from './breach.ts';

/** A read-only snapshot of all four schemas. */
export type Snapshot = postgres.TransactionSql<{ bigint: bigint }>;

/** What a check is given. */
export interface CheckInput {
  readonly sql: Snapshot;
  /** What is younger than this many seconds, by the database's clock, may be under way and is left out where that matters. */
  readonly settleSeconds: number;
}

/** One part of fsck. Yields a breach for each thing that is wrong, and reads in batches: a platform may hold millions of rows. */
export type Check = (input: CheckInput) => AsyncIterable<Breach>;
