import type { OwnEvent } from '../../domain/own-event.ts';

/** Where the log's own events go: the outbox, as every service's. */
export interface OwnEvents {
  append(events: readonly OwnEvent[]): Promise<void>;
}
