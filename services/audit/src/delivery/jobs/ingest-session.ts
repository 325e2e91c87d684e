import type { Clock } from '@cert-tasks/kernel';
import { Loop, type LoopObserver } from '@cert-tasks/lifecycle';
import type { EventFeed } from '../../application/ports/event-feed.ts';
import type { EventPush, PushSubscription } from '../../application/ports/event-push.ts';
import type { LogObserver } from '../../application/ports/log-observer.ts';
import { SourceIntake } from '../../application/source-intake.ts';
import type { LogEntry } from '../../domain/log-entry.ts';
import { FeedPoller } from './feed-poller.ts';

/** How far ahead of the log events of one source are held. */
const WINDOW_LIMITS = { maxEvents: 4_000, maxBytes: 16 * 1024 * 1024 };
const POLL_INTERVAL_MS = 500;
const POLL_BACKOFF = { baseMs: 100, maxMs: 1_000 };

/** What {@link IngestSession} works with. */
export interface IngestSessionOptions {
  readonly feeds: readonly EventFeed[];
  readonly push: EventPush | undefined;
  /** The last number in the log of each source. */
  readonly positions: ReadonlyMap<string, bigint>;
  /** Ends the session. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly observer: LoopObserver;
  readonly logObserver: Pick<LogObserver, 'unreadable'>;
  /** There may be something to sequence. */
  readonly wake: () => void;
}

/** Takes in the events of all sources, pushed and read, from the log's positions on, until its signal aborts. */
export class IngestSession {
  readonly intakes: readonly SourceIntake[];
  readonly #signal: AbortSignal;
  readonly #pollers: readonly Loop[];
  readonly #subscriptions: readonly PushSubscription[];
  #ending: Promise<void> | undefined;

  constructor(options: IngestSessionOptions) {
    const { feeds, positions, clock, push, observer, logObserver, signal, wake } = options;
    this.#signal = signal;
    const sources = feeds.map((feed) => {
      const intake = new SourceIntake({
        source: feed.source,
        position: positions.get(feed.source) ?? 0n,
        limits: WINDOW_LIMITS,
        clock,
        onWork: wake,
        onGap: () => loop.wake(),
      });
      const poller = new FeedPoller({ feed, intake, push });
      const loop = new Loop({
        name: `audit-feed-${feed.source}`,
        intervalMs: POLL_INTERVAL_MS,
        backoff: POLL_BACKOFF,
        observer,
        // The loop's own signal is not enough: a long poll is to end with the session.
        run: (stopping) => poller.run(AbortSignal.any([stopping, signal])),
      });
      const subscription = push?.subscribe({
        source: feed.source,
        take: (events, stopping) => intake.push(events, AbortSignal.any([stopping, signal])),
        onUnreadable: () => {
          logObserver.unreadable(feed.source);
          poller.readNow();
          loop.wake();
        },
      });
      return { intake, loop, subscription };
    });
    this.intakes = sources.map(({ intake }) => intake);
    this.#pollers = sources.map(({ loop }) => loop);
    this.#subscriptions = sources.flatMap(({ subscription }) => (subscription === undefined ? [] : [subscription]));
  }

  /** Whether the session takes in nothing any more. */
  get ended(): boolean {
    return this.#signal.aborted;
  }

  /** Whether something can be sequenced. */
  get hasWork(): boolean {
    return this.intakes.some(({ hasWork }) => hasWork);
  }

  async start(): Promise<void> {
    this.#signal.addEventListener('abort', () => void this.end(), { once: true });
    for (const part of [...this.#pollers, ...this.#subscriptions]) await part.start();
    if (this.ended) await this.end();
  }

  /** Resolves when nothing of it runs any more. */
  end(): Promise<void> {
    this.#ending ??= Promise.all([...this.#subscriptions, ...this.#pollers].map((part) => part.stop())).then(
      () => undefined,
    );
    return this.#ending;
  }

  /** The log has come to these positions and has compared these entries. */
  settle(positions: ReadonlyMap<string, bigint>, compared: readonly LogEntry[]): void {
    for (const intake of this.intakes) {
      const position = positions.get(intake.source) ?? 0n;
      const own = compared.filter(({ source }) => source === intake.source);
      if (position > intake.position || own.length > 0) intake.settle(position, own);
    }
    // There may be room for what a feed has next.
    for (const poller of this.#pollers) poller.wake();
  }
}
