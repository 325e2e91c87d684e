import { type Database, tableName } from '@cert-tasks/db';
import { failpoint } from '@cert-tasks/failpoint';
import { appendNumber, readHeadings } from './event-encoding.ts';
import type { EventPublisher } from './event-publisher.ts';
import type { OutboxTables } from './outbox-tables.ts';

/**
 * Publishes the next numbered events that are not published, at most `limit`, and returns how many. A crash before that
 * they are published is recorded publishes them again, with the same message ids.
 *
 * @throws whatever the publisher raises, and DbError (as rejection).
 */
export async function publishEvents(options: {
  db: Database;
  tables: OutboxTables;
  publisher: EventPublisher;
  limit: number;
}): Promise<number> {
  const { db, tables, limit } = options;
  const rows = await db.query(
    'outbox.unpublished',
    ({ sql }) => sql<{ number: bigint; body: Uint8Array }[]>`
      select number, body from ${sql(tableName(tables.outbox))}
      where number > (select published_number from ${sql(tableName(tables.outboxState))} where "only")
      order by number
      limit ${limit}`,
  );
  const last = rows.at(-1);
  if (last === undefined) return 0;
  await options.publisher.publish(
    rows.map(({ number, body }) => ({ ...readHeadings(body), number, bytes: appendNumber(body, number) })),
  );
  failpoint('relay.publish.after-publish');
  await db.query(
    'outbox.published',
    ({ sql }) => sql`
      update ${sql(tableName(tables.outboxState))} set published_number = ${last.number}
      where "only" and published_number < ${last.number}`,
  );
  return rows.length;
}
