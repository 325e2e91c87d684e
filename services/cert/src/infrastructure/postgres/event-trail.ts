import type { Database } from '@cert-tasks/db';
import type { EventTrail } from '../../application/ports/event-trail.ts';
import type { CertEvent } from '../../domain/event.ts';
import type { EventOutbox } from './event-outbox.ts';

/** Events that stand by themselves, in the outbox. */
export class PostgresEventTrail implements EventTrail {
  readonly #db: Database;
  readonly #events: EventOutbox;

  constructor(deps: { readonly db: Database; readonly events: EventOutbox }) {
    this.#db = deps.db;
    this.#events = deps.events;
  }

  async append(event: CertEvent): Promise<void> {
    await this.#db.transaction('event.append', (tx) => this.#events.append(tx, [event]));
    this.#events.committed();
  }
}
