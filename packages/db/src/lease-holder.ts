import type { Database } from './database.ts';
import type { Lease } from './lease.ts';
import type { LeaseTable } from './lease-table.ts';
import { tableName } from './table-name.ts';

/** Options of {@link LeaseHolder}. */
export interface LeaseHolderOptions {
  readonly db: Database;
  readonly table: LeaseTable;
  /** What is led: a constant, the same in all replicas. */
  readonly name: string;
  /** Who this is: different in every process. */
  readonly holder: string;
  /** How long the lease lasts without a renewal, in milliseconds; at least 1,000. */
  readonly ttlMs: number;
}

/**
 * One process's claim to a lease. All times are the database's: the clocks of the processes do not matter.
 *
 * A lease is free when it never existed, has expired, was released, or is held under this same holder's name (a process
 * that came back, which then fences its former self).
 */
export class LeaseHolder {
  readonly name: string;
  readonly ttlMs: number;
  readonly #options: LeaseHolderOptions;
  readonly #table: string;

  /** @throws RangeError when the ttl is below a second. */
  constructor(options: LeaseHolderOptions) {
    if (!(options.ttlMs >= 1_000)) throw new RangeError('A lease lasts 1,000 ms at least.');
    this.name = options.name;
    this.ttlMs = options.ttlMs;
    this.#options = options;
    this.#table = tableName(options.table);
  }

  /** Takes the lease if it is free, with a fence one above the last; undefined when somebody else holds it. */
  async acquire(): Promise<Lease | undefined> {
    const { holder } = this.#options;
    const rows = await this.#options.db.query(
      'lease.acquire',
      ({ sql }) => sql<Lease[]>`
        insert into ${sql(this.#table)} as l (name, holder, fence, expires_at)
        values (${this.name}, ${holder}, 1, clock_timestamp() + ${this.ttlMs}::int8 * interval '1 millisecond')
        on conflict (name) do update set
          holder = excluded.holder,
          fence = l.fence + 1,
          expires_at = clock_timestamp() + ${this.ttlMs}::int8 * interval '1 millisecond'
        where l.expires_at <= clock_timestamp() or l.holder = excluded.holder
        returning fence, expires_at as "expiresAt"`,
    );
    return rows[0];
  }

  /** Begins the lease's time anew; undefined when it has expired or was taken over. */
  async renew(lease: Lease): Promise<Lease | undefined> {
    const rows = await this.#options.db.query(
      'lease.renew',
      ({ sql }) => sql<Lease[]>`
        update ${sql(this.#table)}
        set expires_at = clock_timestamp() + ${this.ttlMs}::int8 * interval '1 millisecond'
        where name = ${this.name} and fence = ${lease.fence} and expires_at > clock_timestamp()
        returning fence, expires_at as "expiresAt"`,
    );
    return rows[0];
  }

  /** Gives the lease back, so that another can take it at once. Changes nothing when it is not held any more. */
  async release(lease: Lease): Promise<void> {
    await this.#options.db.query(
      'lease.release',
      ({ sql }) => sql`
        update ${sql(this.#table)}
        set expires_at = clock_timestamp()
        where name = ${this.name} and fence = ${lease.fence} and expires_at > clock_timestamp()`,
    );
  }
}
