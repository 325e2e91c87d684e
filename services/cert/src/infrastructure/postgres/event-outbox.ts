import type { Tx } from '@cert-tasks/db';
import type { Clock, RandomBytes } from '@cert-tasks/kernel';
import { appendEvents, type NewEvent } from '@cert-tasks/outbox';
import type { CertEvent, JsonValue } from '../../domain/event.ts';
import { outbox } from './schema.ts';

/** Puts cert's events into its outbox, and wakes the relay when they are committed. */
export class EventOutbox {
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;
  readonly #onCommitted: () => void;

  constructor(deps: { readonly clock: Clock; readonly randomBytes: RandomBytes; readonly onCommitted: () => void }) {
    this.#clock = deps.clock;
    this.#randomBytes = deps.randomBytes;
    this.#onCommitted = deps.onCommitted;
  }

  /** The last statement of the transaction that the events tell of. */
  async append(tx: Tx, events: readonly CertEvent[]): Promise<void> {
    await appendEvents(tx, {
      tables: { outbox },
      source: 'cert',
      events: events.map(newEvent),
      clock: this.#clock,
      randomBytes: this.#randomBytes,
    });
  }

  /** To be called after the commit. */
  committed(): void {
    this.#onCommitted();
  }
}

function newEvent({ origin, data, ...event }: CertEvent): NewEvent {
  const { traceparent, ...rest } = origin;
  return {
    ...event,
    ...rest,
    // None of the caller's: the current span's then.
    traceparent: traceparent === '' ? undefined : traceparent,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, mutable(value)])),
  };
}

type MutableJson = string | number | boolean | null | MutableJson[] | { [key: string]: MutableJson };

/** A copy in the type that protobuf's JSON has, which is not readonly. */
function mutable(value: JsonValue): MutableJson {
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map(mutable);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, mutable(part)]));
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
