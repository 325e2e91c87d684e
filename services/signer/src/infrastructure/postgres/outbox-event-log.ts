import type { Tx } from '@cert-tasks/db';
import { appendEvents, type NewEvent } from '@cert-tasks/outbox';
import type { EventLog, SignerEvent } from '../../application/ports/event-log.ts';
import { outbox } from './schema.ts';

/** This service as the source of events. */
const SOURCE = 'signer';

/** Events in the table `outbox`. */
export class OutboxEventLog implements EventLog {
  readonly #tx: Tx;
  readonly #onAppended: () => void;

  constructor(tx: Tx, onAppended: () => void) {
    this.#tx = tx;
    this.#onAppended = onAppended;
  }

  async append(events: readonly SignerEvent[]): Promise<void> {
    await appendEvents(this.#tx, { tables: { outbox }, source: SOURCE, events: events.map(newEventOf) });
    this.#onAppended();
  }
}

function newEventOf({ type, subject, project, call, refusal, data }: SignerEvent): NewEvent {
  return {
    ...call,
    type,
    subject,
    project,
    result: refusal === undefined ? 'success' : 'refused',
    ...(refusal !== undefined && { reason: refusal.replaceAll('-', '_').toUpperCase() }),
    data: structuredClone(data) as NonNullable<NewEvent['data']>,
  };
}
