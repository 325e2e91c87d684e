import { createDatabase, type Database, leaseTable } from '@cert-tasks/db';
import { createTestDatabase, recordingObserver, type TestDatabase, testLog } from '@cert-tasks/testkit';
import { pgSchema } from 'drizzle-orm/pg-core';
import {
  appendEvents,
  type EventPublisher,
  type NewEvent,
  OutboxRelay,
  type OutboxRelayOptions,
  outboxTables,
  type PublishableEvent,
} from '../src/index.ts';

const schema = pgSchema('cert');
export const tables = outboxTables(schema);
export const leases = leaseTable(schema);
export const TTL_MS = 1_500;

const SETUP = `
create table cert.leases (name text not null constraint leases_pkey primary key, holder text not null, fence bigint not null,
  expires_at timestamptz not null, constraint leases_fence_key unique (name, fence));
create table cert.outbox (id bigint generated always as identity constraint outbox_pkey primary key,
  event_id uuid not null constraint outbox_event_id_key unique, number bigint constraint outbox_number_key unique,
  body bytea not null, created_at timestamptz not null default now());
create index outbox_unstamped_idx on cert.outbox (id) where number is null;
create table cert.outbox_state ("only" boolean not null default true constraint outbox_state_pkey primary key
  constraint outbox_state_only_check check ("only"), last_number bigint not null default 0,
  published_number bigint not null default 0, pruned_number bigint not null default 0);
create table cert.outbox_consumers (name text not null constraint outbox_consumers_pkey primary key, number bigint not null,
  reported_at timestamptz not null default now());
grant select, insert, update, delete on cert.outbox to cert_app;
grant select, insert, update on cert.outbox_state, cert.outbox_consumers, cert.leases to cert_app;`;

/** Everything that the tests of one file share. */
export interface Fixture {
  readonly database: TestDatabase;
  readonly db: Database;
  connect(applicationName: string): Database;
  /** Forgets all events, numbers and leases. */
  clear(): Promise<void>;
  append(count: number): Promise<readonly string[]>;
  relay(publisher: EventPublisher, options?: Partial<OutboxRelayOptions>): OutboxRelay;
  end(): Promise<void>;
}

export function connectTo(url: string, applicationName: string): Database {
  const { log } = testLog();
  return createDatabase({ url, schema: 'cert', applicationName, maxConnections: 8, log, statementTimeoutMs: 10_000 });
}

export const newEvent = (subject: string): NewEvent => ({
  type: 'certificate.created',
  subject,
  project: 'acme',
  actor: { kind: 'user', id: 'ann' },
  action: 'test',
  result: 'success',
});

export async function fixture(): Promise<Fixture> {
  const database = await createTestDatabase({ service: 'cert' });
  const owner = connectTo(database.ownerUrl, 'owner');
  await owner.sql.unsafe(SETUP);
  const db = connectTo(database.appUrl, 'outbox-test');
  const connected = [owner, db];
  let relays = 0;
  return {
    database,
    db,
    connect(applicationName) {
      const other = connectTo(database.appUrl, applicationName);
      connected.push(other);
      return other;
    },
    async clear() {
      await owner.sql`truncate outbox, outbox_state, outbox_consumers, leases restart identity`;
    },
    append: (count) =>
      db.transaction('append', (tx) =>
        appendEvents(tx, {
          tables,
          source: 'cert',
          events: Array.from({ length: count }, (_, i) => newEvent(`s/${i}`)),
        }),
      ),
    relay(publisher, options = {}) {
      relays += 1;
      return new OutboxRelay({
        db,
        tables,
        leases,
        holder: `relay-${relays}`,
        publisher,
        observer: recordingObserver(),
        leaseTtlMs: TTL_MS,
        pollMs: 50,
        ...options,
      });
    },
    async end() {
      await Promise.all(connected.map((each) => each.stop()));
      await database.drop();
    },
  };
}

/** A broker that keeps what it is given, by message id, and can be away. */
export class MemoryBroker implements EventPublisher {
  readonly received: PublishableEvent[] = [];
  away = false;

  async publish(batch: readonly PublishableEvent[]): Promise<void> {
    if (this.away) throw new Error('the broker is away');
    this.received.push(...batch);
  }

  /** Numbers in order of arrival, repeats left out. */
  get numbers(): bigint[] {
    return [...new Set(this.received.map(({ number }) => number))];
  }
}

/** Every event's number by id, in order of number; fails where a number is missing or given twice. */
export async function numbersOf(db: Database): Promise<ReadonlyMap<string, bigint>> {
  const rows = await db.sql<{ id: string; number: bigint | null }[]>`
    select event_id::text as id, number from outbox order by number nulls last`;
  const unstamped = rows.filter(({ number }) => number === null);
  if (unstamped.length > 0) throw new Error(`${unstamped.length} events have no number`);
  rows.forEach(({ number }, index) => {
    if (number !== BigInt(index + 1)) throw new Error(`position ${index + 1} has number ${number}`);
  });
  const [state] = await db.sql<{ last: bigint }[]>`select last_number as last from outbox_state`;
  if ((state?.last ?? 0n) !== BigInt(rows.length)) throw new Error(`last number is ${state?.last}, not ${rows.length}`);
  return new Map(rows.map(({ id, number }) => [id, number ?? 0n]));
}
