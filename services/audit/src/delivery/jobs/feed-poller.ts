import type { LoopOutcome } from '@cert-tasks/lifecycle';
import type { EventFeed } from '../../application/ports/event-feed.ts';
import type { EventPush } from '../../application/ports/event-push.ts';
import { readFeed } from '../../application/read-feed.ts';
import type { SourceIntake } from '../../application/source-intake.ts';

/** How long a read waits for a first event while nothing is pushed. */
const LONG_POLL_MS = 5_000;
/** How often the feed is read while events are pushed: what was lost at the end makes no gap that shows. */
const BACKSTOP_MS = 3_000;
/** An empty answer that came sooner did not wait: the next read is not to follow at once. */
const SHORT_WAIT_MS = 200;

/** What {@link FeedPoller} works with. */
export interface FeedPollerOptions {
  readonly feed: EventFeed;
  readonly intake: SourceIntake;
  readonly push: Pick<EventPush, 'connected'> | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsedMs?: () => number;
}

/**
 * Decides when a source's feed is read.
 *
 * - Nothing is pushed (no NATS, NATS away, or the feed had what was not pushed): long polls, one after the other.
 * - Events are pushed: now and then, since a lost event with none behind it makes no gap.
 * - Something waits behind a missing event: at once.
 */
export class FeedPoller {
  readonly #options: FeedPollerOptions;
  readonly #elapsedMs: () => number;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(options: FeedPollerOptions) {
    this.#options = options;
    this.#elapsedMs = options.elapsedMs ?? (() => performance.now());
  }

  /** Makes the next iteration read, whatever is pushed. */
  readNow(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  /** One iteration. See `Loop`. */
  async run(signal: AbortSignal): Promise<LoopOutcome> {
    const { feed, intake, push } = this.#options;
    signal.throwIfAborted();
    if (!intake.hasRoom) return 'idle';
    const isPushed = push?.connected === true && intake.pushWorks;
    const began = this.#elapsedMs();
    if (isPushed && !intake.hasGap && began - this.#readAt < BACKSTOP_MS) return 'idle';
    this.#readAt = began;
    const waitMs = isPushed || intake.hasGap ? 0 : LONG_POLL_MS;
    const received = await readFeed({ feed, intake }, { waitMs, signal });
    if (received > 0) return 'again';
    return waitMs > 0 && this.#elapsedMs() - began >= SHORT_WAIT_MS ? 'again' : 'idle';
  }
}
