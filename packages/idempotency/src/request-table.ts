import { bytea } from '@cert-tasks/db';
import { index, type PgSchema, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

/**
 * The table `requests`: the requests that took effect, by key, for 7 days. For the service's drizzle schema. The runtime
 * role needs SELECT, INSERT and DELETE on it.
 */
export function requestTable(schema: PgSchema) {
  return schema.table(
    'requests',
    {
      /** See `requestKey`. */
      key: bytea('key').notNull(),
      /** See `requestHash`. */
      hash: bytea('hash').notNull(),
      /** Name of what the request made or changed: what a repeat is answered with. */
      resource: text('resource').notNull(),
      createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    },
    (table) => [
      primaryKey({ name: 'requests_pkey', columns: [table.key] }),
      index('requests_created_at_idx').on(table.createdAt),
    ],
  );
}

/** What {@link requestTable} makes. */
export type RequestTable = ReturnType<typeof requestTable>;
