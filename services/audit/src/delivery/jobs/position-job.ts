import { failpoint } from '@cert-tasks/failpoint';
import type { LoopOutcome } from '@cert-tasks/lifecycle';
import type { EventFeed } from '../../application/ports/event-feed.ts';

/** Tells each source how far the log has come in it, so that it can forget what it has kept. */
export class PositionJob {
  readonly #feeds: readonly EventFeed[];
  #positions: ReadonlyMap<string, bigint> = new Map();
  readonly #reported = new Map<string, bigint>();

  constructor({ feeds }: { feeds: readonly EventFeed[] }) {
    this.#feeds = feeds;
  }

  /** The log's positions, all of them committed. */
  reached(positions: ReadonlyMap<string, bigint>): void {
    this.#positions = positions;
  }

  /**
   * One iteration. See `Loop`.
   *
   * @throws AuditError (as rejection) of the first source that could not be told; the others were.
   */
  async run(signal: AbortSignal): Promise<LoopOutcome> {
    const outcomes = await Promise.allSettled(this.#feeds.map((feed) => this.#report(feed, signal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return 'idle';
  }

  async #report(feed: EventFeed, signal: AbortSignal): Promise<void> {
    const position = this.#positions.get(feed.source) ?? 0n;
    if (position <= (this.#reported.get(feed.source) ?? 0n)) return;
    failpoint('audit.position.before-report');
    await feed.reportPosition(position, signal);
    this.#reported.set(feed.source, position);
  }
}
