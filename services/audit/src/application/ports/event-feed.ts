import type { ReceivedEvent } from '../../domain/log-entry.ts';

/** Events of a feed. */
export interface FeedPage {
  /** In the order in which the feed gave them, with the numbers that it gave. */
  readonly events: readonly ReceivedEvent[];
  /** The last number that the source has given. */
  readonly lastNumber: bigint;
}

/** The feed of one source: all of its events, by number. */
export interface EventFeed {
  readonly source: string;
  /**
   * Events after a number; with `waitMs` it waits as long for a first one.
   *
   * @throws AuditError `feed-unavailable`, `feed-broken` (events after that number are gone); `signal.reason`.
   */
  read(request: {
    readonly after: bigint;
    readonly limit: number;
    readonly waitMs: number;
    readonly signal: AbortSignal;
  }): Promise<FeedPage>;
  /** Says that everything up to the number is in the log for good. @throws AuditError as `read` does. */
  reportPosition(number: bigint, signal: AbortSignal): Promise<void>;
}
