/** An event on its way to the message broker. */
export interface PublishableEvent {
  /** A UUID: the message id. */
  readonly id: string;
  readonly source: string;
  readonly number: bigint;
  readonly type: string;
  /** The event as protobuf, with its number. */
  readonly bytes: Uint8Array;
  /** W3C trace context of the request that made it; empty where there was none. */
  readonly traceparent: string;
}

/** Carries events to whoever listens. Losing them is allowed: consumers that see a gap read the feed. */
export interface EventPublisher {
  /**
   * Publishes events in their order. Resolves when the broker has taken all of them; rejects when it may have taken only
   * some, and is then called again with the same ones. MUST bound its own time.
   */
  publish(batch: readonly PublishableEvent[]): Promise<void>;
}
