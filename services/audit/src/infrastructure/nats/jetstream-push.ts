import type { LoopObserver } from '@cert-tasks/lifecycle';
import { EventConsumer, type NatsConnection } from '@cert-tasks/messaging';
import type { Logger } from '@cert-tasks/telemetry';
import type { EventPush, PushSubscription } from '../../application/ports/event-push.ts';
import type { ReceivedEvent } from '../../domain/log-entry.ts';
import { receivedEvent } from '../feeds/received-event.ts';

const CONSUMER = 'audit';
const MAX_BATCH = 500;
const ACK_WAIT_MS = 10_000;
/** Events that wait behind a gap for longer are given back; they come again. */
const TAKE_DEADLINE_MS = 7_000;

/** Events pushed by JetStream. */
export class JetStreamPush implements EventPush {
  readonly #connection: NatsConnection;
  readonly #observer: LoopObserver;
  readonly #log: Logger;

  constructor(options: { connection: NatsConnection; observer: LoopObserver; log: Logger }) {
    this.#connection = options.connection;
    this.#observer = options.observer;
    this.#log = options.log;
  }

  get connected(): boolean {
    return this.#connection.connected;
  }

  subscribe(subscription: {
    readonly source: string;
    readonly take: (events: readonly ReceivedEvent[], signal: AbortSignal) => Promise<void>;
    readonly onUnreadable: () => void;
  }): PushSubscription {
    const { source, take, onUnreadable } = subscription;
    return new EventConsumer({
      connection: this.#connection,
      source,
      consumer: CONSUMER,
      maxBatch: MAX_BATCH,
      ackWaitMs: ACK_WAIT_MS,
      observer: this.#observer,
      handle: (batch, signal) =>
        take(
          batch.map(({ event }) => receivedEvent(event, { source, number: event.number })),
          AbortSignal.any([signal, AbortSignal.timeout(TAKE_DEADLINE_MS)]),
        ),
      handleUndecodable: async ({ reason, subject }) => {
        // What has no readable number has no place in the log; the event of that place comes by the feed, whatever it is.
        this.#log.error({ source, subject, reason }, 'a message on a subject for events is no event; the feed is read');
        onUnreadable();
      },
    });
  }
}
