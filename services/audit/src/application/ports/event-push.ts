import type { ReceivedEvent } from '../../domain/log-entry.ts';

/** Events as they are pushed: fast, and never to be relied on. */
export interface EventPush {
  /** Whether anything can come at present. */
  readonly connected: boolean;
  /**
   * Makes a subscription to a source's events, to be started and stopped. Events come again until `take` has resolved.
   * `onUnreadable` is told of messages that are no events.
   */
  subscribe(subscription: {
    readonly source: string;
    readonly take: (events: readonly ReceivedEvent[], signal: AbortSignal) => Promise<void>;
    readonly onUnreadable: () => void;
  }): PushSubscription;
}

/** A subscription. */
export interface PushSubscription {
  start(): Promise<void>;
  /** Resolves when no `take` runs any more. */
  stop(): Promise<void>;
}
