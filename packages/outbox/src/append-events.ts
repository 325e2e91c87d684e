import { PG_OID, type Tx, tableName } from '@cert-tasks/db';
import { type Clock, newId, type RandomBytes, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { currentTraceparent } from '@cert-tasks/telemetry';
import { encodeEvent } from './event-encoding.ts';
import type { NewEvent } from './new-event.ts';
import type { OutboxTables } from './outbox-tables.ts';

const SALT_BYTES = 32;

/** Options of {@link appendEvents}. */
export interface AppendEventsOptions {
  readonly tables: Pick<OutboxTables, 'outbox'>;
  /** The producing service. */
  readonly source: string;
  /** In the order in which they are to be numbered. */
  readonly events: readonly NewEvent[];
  readonly clock?: Clock;
  readonly randomBytes?: RandomBytes;
}

/**
 * Puts events into the outbox, in the transaction of the change that they tell of and last in it: either both happen or
 * neither. Wake the relay after the commit. Returns the events' ids, in order.
 *
 * @throws OutboxError (as rejection) 'invalid-event', 'event-too-large' (32 KiB encoded): nothing was appended.
 */
export async function appendEvents(
  tx: Tx,
  { tables, source, events, clock = systemClock, randomBytes = systemRandomBytes }: AppendEventsOptions,
): Promise<readonly string[]> {
  if (events.length === 0) return [];
  const traceparent = currentTraceparent();
  const ids: string[] = [];
  const bodies = events.map((event) => {
    const id = newId({ clock, randomBytes });
    ids.push(id);
    const origin = { id, source, time: clock.now(), salt: randomBytes(SALT_BYTES) };
    return encodeEvent(event.traceparent === undefined ? { ...event, traceparent } : event, origin);
  });
  const { sql } = tx;
  await sql`
    insert into ${sql(tableName(tables.outbox))} (event_id, body)
    select event_id, body
    from unnest(${sql.array(ids, PG_OID.uuid)}::uuid[], ${sql.array(bodies, PG_OID.bytea)}::bytea[])
      with ordinality as event (event_id, body, nth)
    order by nth`;
  return ids;
}
