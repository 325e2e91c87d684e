import { MessagingError } from './messaging-error.ts';
import { type NatsConnection, traceHeaders } from './nats-connection.ts';
import { eventStream, eventSubject } from './subjects.ts';

const PUBLISH_TIMEOUT_MS = 5_000;

/** An event to publish, as the outbox gives it. */
export interface EventMessage {
  /** A UUID: the message id. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The event as protobuf, with its number. */
  readonly bytes: Uint8Array;
  /** W3C trace context of the request that made it; empty where there was none. */
  readonly traceparent: string;
}

/** Options of {@link JetStreamPublisher}. */
export interface JetStreamPublisherOptions {
  readonly connection: NatsConnection;
  /** Woken when a publish fails: the stream may have vanished. */
  readonly owner?: { wake(): void };
}

/**
 * Publishes events to the stream of their source, with the event's id as message id: JetStream drops what comes a second
 * time within two minutes. An EventPublisher of the outbox.
 */
export class JetStreamPublisher {
  readonly #options: JetStreamPublisherOptions;

  constructor(options: JetStreamPublisherOptions) {
    this.#options = options;
  }

  /**
   * Publishes a batch in its order without waiting in between, and resolves when JetStream has taken all of it.
   *
   * @throws MessagingError (as rejection) 'nats-unavailable'; 'publish-failed' within about 5 seconds.
   */
  async publish(batch: readonly EventMessage[]): Promise<void> {
    const jetstream = this.#options.connection.client().jetstream({ timeout: PUBLISH_TIMEOUT_MS });
    const results = await Promise.allSettled(
      batch.map(({ id, source, type, bytes, traceparent }) =>
        jetstream.publish(eventSubject({ source, type }), bytes, {
          msgID: id,
          headers: traceHeaders(traceparent),
          expect: { streamName: eventStream(source) },
        }),
      ),
    );
    const failures = results.filter((result) => result.status === 'rejected');
    const first = failures[0];
    if (first === undefined) return;
    this.#options.owner?.wake();
    throw new MessagingError(
      'publish-failed',
      `JetStream took ${batch.length - failures.length} of ${batch.length} events.`,
      {
        advice: 'Events are published again until JetStream takes them; see its log if this goes on.',
        cause: first.reason,
      },
    );
  }
}
