import { bytea } from '@cert-tasks/db';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  type PgSchema,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';

/**
 * The tables of a service's events, for its drizzle schema. The runtime role needs SELECT, INSERT, UPDATE and DELETE on
 * `outbox`, and SELECT, INSERT and UPDATE on `outbox_state` and `outbox_consumers`.
 */
export function outboxTables(schema: PgSchema) {
  /** One row an event, from the change that it tells of until all consumers have it. */
  const outbox = schema.table(
    'outbox',
    {
      /** In order of insertion, not of commit. */
      id: bigint('id', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
      eventId: uuid('event_id').notNull(),
      /** 1, 2, 3, … without gaps, in the order in which commits were noticed. Null until the relay has stamped the row. */
      number: bigint('number', { mode: 'bigint' }),
      /** The event as protobuf, without its number. */
      body: bytea('body').notNull(),
      createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    },
    (table) => [
      primaryKey({ name: 'outbox_pkey', columns: [table.id] }),
      unique('outbox_event_id_key').on(table.eventId),
      unique('outbox_number_key').on(table.number),
      index('outbox_unstamped_idx').on(table.id).where(sql`number is null`),
    ],
  );
  /** One row, made by the relay. */
  const outboxState = schema.table(
    'outbox_state',
    {
      /** Always true: the key that lets there be one row. */
      only: boolean('only').notNull().default(true),
      /** The greatest number given so far. */
      lastNumber: bigint('last_number', { mode: 'bigint' }).notNull().default(sql`0`),
      /** Everything up to it was handed to the message broker. */
      publishedNumber: bigint('published_number', { mode: 'bigint' }).notNull().default(sql`0`),
      /** Everything up to it is deleted. */
      prunedNumber: bigint('pruned_number', { mode: 'bigint' }).notNull().default(sql`0`),
    },
    (table) => [
      primaryKey({ name: 'outbox_state_pkey', columns: [table.only] }),
      check('outbox_state_only_check', sql`"only"`),
    ],
  );
  /** How far each consumer has come for good. */
  const outboxConsumers = schema.table(
    'outbox_consumers',
    {
      name: text('name').notNull(),
      number: bigint('number', { mode: 'bigint' }).notNull(),
      reportedAt: timestamp('reported_at', { withTimezone: true }).notNull().defaultNow(),
    },
    (table) => [primaryKey({ name: 'outbox_consumers_pkey', columns: [table.name] })],
  );
  return { outbox, outboxState, outboxConsumers };
}

/** What {@link outboxTables} makes. */
export type OutboxTables = ReturnType<typeof outboxTables>;
