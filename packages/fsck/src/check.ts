import type { Database, TransactionSql } from '@cert-tasks/db';
import type { Breach } from './breach.ts';

/** A read-only snapshot of all four schemas. */
export type Snapshot = TransactionSql;

/** What a check of all services together is given. */
export interface CheckInput {
  readonly sql: Snapshot;
  /** What is younger than this many seconds, by the database's clock, may be under way and is left out where that matters. */
  readonly settleSeconds: number;
}

/** One part of fsck. Yields a breach for each thing that is wrong, and reads in batches: a platform may hold millions of rows. */
export type Check = (input: CheckInput) => AsyncIterable<Breach>;

/** What a check through a service's own door is given: it takes its own snapshots. */
export interface DoorInput {
  /** By schema: where names without a schema are looked up. */
  readonly databases: Readonly<Record<'signer' | 'task' | 'audit', Database>>;
  readonly settleSeconds: number;
}

/** {@link Check} through a service's own door. */
export type DoorCheck = (input: DoorInput) => AsyncIterable<Breach>;
