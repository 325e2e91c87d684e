import type { Database, Tx } from '@cert-tasks/db';
import type { Clock, RandomBytes } from '@cert-tasks/kernel';
import { appendEvents, type NewEvent, type OutboxTables } from '@cert-tasks/outbox';
import type { OwnEvents } from '../../application/ports/own-events.ts';
import type { JsonValue } from '../../domain/json-value.ts';
import type { OwnEvent } from '../../domain/own-event.ts';

/** What {@link OutboxOwnEvents} works with. */
export interface OutboxOwnEventsOptions {
  readonly db: Database;
  readonly tables: OutboxTables;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Called after the commit of a transaction with events. */
  readonly onAppended: () => void;
}

/** The log's own events, by the outbox. */
export class OutboxOwnEvents implements OwnEvents {
  readonly #options: OutboxOwnEventsOptions;

  constructor(options: OutboxOwnEventsOptions) {
    this.#options = options;
  }

  async append(events: readonly OwnEvent[]): Promise<void> {
    await this.#options.db.transaction('audit.own-events', (tx) => this.appendIn(tx, events));
    this.#options.onAppended();
  }

  /** Appends in a transaction of the caller's, last in it. */
  async appendIn(tx: Tx, events: readonly OwnEvent[]): Promise<void> {
    const { tables, clock, randomBytes } = this.#options;
    await appendEvents(tx, { tables, source: 'audit', events: events.map(newEvent), clock, randomBytes });
  }
}

function newEvent({ data, ...event }: OwnEvent): NewEvent {
  return { ...event, data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, mutable(value)])) };
}

/** protobuf's JSON values are mutable types; the copy is theirs. */
function mutable(value: JsonValue): NonNullable<NewEvent['data']>[string] {
  if (value === null || typeof value !== 'object') return value;
  if (isArray(value)) return value.map(mutable);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, mutable(member)]));
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
