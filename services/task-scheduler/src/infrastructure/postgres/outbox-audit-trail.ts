import type { Tx } from '@cert-tasks/db';
import type { Clock, RandomBytes } from '@cert-tasks/kernel';
import { appendEvents } from '@cert-tasks/outbox';
import type { AuditEntry, AuditTrail } from '../../application/ports/audit-trail.ts';
import { outbox } from './schema.ts';

/** The name of this service as a source of events. */
export const EVENT_SOURCE = 'task-scheduler';

/** Options of {@link OutboxAuditTrail}. */
export interface OutboxAuditTrailOptions {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** Audit events through the outbox, in one transaction. */
export class OutboxAuditTrail implements AuditTrail {
  readonly #tx: Tx;
  readonly #options: OutboxAuditTrailOptions;
  #appended = 0;

  constructor(tx: Tx, { clock, randomBytes }: OutboxAuditTrailOptions) {
    this.#tx = tx;
    this.#options = { clock, randomBytes };
  }

  /** How many events this transaction has so far. */
  get appended(): number {
    return this.#appended;
  }

  async append(entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return;
    this.#appended += entries.length;
    const events = entries.map(({ event, origin }) => ({ ...event, ...origin, data: { ...event.data } }));
    await appendEvents(this.#tx, { tables: { outbox }, source: EVENT_SOURCE, events, ...this.#options });
  }
}
