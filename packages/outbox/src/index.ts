export { type AppendEventsOptions, appendEvents } from './append-events.ts';
export { MAX_EVENT_BYTES } from './event-encoding.ts';
export {
  type EventFeedHandlers,
  type EventFeedOptions,
  eventFeedHandlers,
  type FeedCallContext,
} from './event-feed.ts';
export type { EventPublisher, PublishableEvent } from './event-publisher.ts';
export type { EventActor, EventActorKind, EventResult, NewEvent } from './new-event.ts';
export { OutboxError, type OutboxErrorCode } from './outbox-error.ts';
export {
  type ConsumerStatus,
  OutboxMonitor,
  type OutboxMonitorOptions,
  type OutboxStatus,
  readOutboxStatus,
} from './outbox-monitor.ts';
export { OutboxRelay, type OutboxRelayOptions } from './outbox-relay.ts';
export { type OutboxTables, outboxTables } from './outbox-tables.ts';
export { type PruneOutboxOptions, pruneOutbox } from './prune-outbox.ts';
