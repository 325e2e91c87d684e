import { bigint, type PgSchema, primaryKey, text, timestamp, unique } from 'drizzle-orm/pg-core';

/**
 * The table `leases`: who leads what, and until when. For the service's drizzle schema. The runtime role needs SELECT,
 * INSERT and UPDATE on it.
 *
 * The fence is part of a unique key on purpose: PostgreSQL then takes a lock for a change of the fence that conflicts with
 * the one of {@link assertLease}, whereas a renewal, which leaves it alone, does not.
 */
export function leaseTable(schema: PgSchema) {
  return schema.table(
    'leases',
    {
      /** What is led. */
      name: text('name').notNull(),
      /** Who leads, or did last. */
      holder: text('holder').notNull(),
      /** Grows by one with each take-over; 1 at first. */
      fence: bigint('fence', { mode: 'bigint' }).notNull(),
      /** By the database's clock. */
      expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
    },
    (table) => [
      primaryKey({ name: 'leases_pkey', columns: [table.name] }),
      unique('leases_fence_key').on(table.name, table.fence),
    ],
  );
}

/** What {@link leaseTable} makes. */
export type LeaseTable = ReturnType<typeof leaseTable>;
