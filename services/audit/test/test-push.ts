import type { EventPush, PushSubscription } from '../src/application/ports/event-push.ts';
import type { ReceivedEvent } from '../src/domain/log-entry.ts';

interface Subscriber {
  readonly source: string;
  readonly take: (events: readonly ReceivedEvent[], signal: AbortSignal) => Promise<void>;
  readonly stopper: AbortController;
  readonly running: Set<Promise<unknown>>;
}

/** Pushes as a broker does that may repeat, reorder and lose: what a test sends, to whoever is subscribed. */
export class TestPush implements EventPush {
  connected = true;
  readonly #subscribers = new Set<Subscriber>();

  subscribe(subscription: Pick<Subscriber, 'source' | 'take'>): PushSubscription {
    const subscriber: Subscriber = { ...subscription, stopper: new AbortController(), running: new Set() };
    return {
      start: async () => void this.#subscribers.add(subscriber),
      stop: async () => {
        this.#subscribers.delete(subscriber);
        subscriber.stopper.abort(new Error('The subscription was stopped.'));
        await Promise.all(subscriber.running);
      },
    };
  }

  /** Pushes a batch to all subscribers of the source. What is not taken in is lost. */
  send(source: string, events: readonly ReceivedEvent[]): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.source !== source) continue;
      const taking = subscriber.take(events, subscriber.stopper.signal).catch(() => undefined);
      subscriber.running.add(taking);
      void taking.then(() => subscriber.running.delete(taking));
    }
  }
}
