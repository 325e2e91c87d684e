import type { Clock } from '@cert-tasks/kernel';
import type { LoopObserver, LoopOutcome } from '@cert-tasks/lifecycle';
import type { EventFeed } from '../../application/ports/event-feed.ts';
import type { EventPush } from '../../application/ports/event-push.ts';
import type { LogObserver } from '../../application/ports/log-observer.ts';
import type { LogReader } from '../../application/ports/log-reader.ts';
import type { LogWork, WriteRight } from '../../application/ports/log-work.ts';
import { sequenceEvents } from '../../application/sequence-events.ts';
import type { SourceIntake } from '../../application/source-intake.ts';
import type { LogEntry } from '../../domain/log-entry.ts';
import { IngestSession } from './ingest-session.ts';

/** Most events of one transaction. */
const BATCH_SIZE = 1_000;

/** What {@link SequencingJob} works with. */
export interface SequencingJobOptions {
  readonly feeds: readonly EventFeed[];
  /** Undefined where no NATS is set. */
  readonly push: EventPush | undefined;
  readonly log: Pick<LogReader, 'positions'>;
  readonly work: LogWork;
  readonly clock: Clock;
  readonly observer: LoopObserver;
  readonly logObserver: LogObserver;
  /** Told the intakes when this process begins to lead, and none when it ends to. */
  readonly onIntakes: (intakes: readonly SourceIntake[]) => void;
  /** Told the log's positions: at the beginning of a session, and after each commit of entries. */
  readonly onPositions: (positions: ReadonlyMap<string, bigint>) => void;
  /** Called after each commit of entries. */
  readonly onAppended: () => void;
  /** Called after each commit of events of the log's own. */
  readonly onOwnEvents: () => void;
  /** Wakes the loop that runs this job. */
  readonly wake: () => void;
}

/**
 * One iteration of the sequencer after the other, under its lease. Taking in events is a session of its own, as long as the
 * lease is held without a break: it begins with the log's positions and ends, with all that it holds in memory, when the
 * lease is lost or the service stops.
 */
export class SequencingJob {
  readonly #options: SequencingJobOptions;
  #session: IngestSession | undefined;
  #firstSource = 0;

  constructor(options: SequencingJobOptions) {
    this.#options = options;
  }

  /** Sequences one batch. See `LeasedLoop`. */
  async run({ signal, lease }: { readonly signal: AbortSignal; readonly lease: WriteRight }): Promise<LoopOutcome> {
    const session = await this.#sessionFor(signal);
    const { next, repeats } = this.#takeBatch(session);
    if (next.length === 0 && repeats.length === 0) return 'idle';
    const { logObserver, onAppended, onPositions, onOwnEvents, work } = this.#options;
    const batch = await sequenceEvents(work, { right: lease, next, repeats });
    session.settle(batch.positions, repeats);
    if (batch.appended.length > 0) {
      logObserver.appended(batch.appended);
      onPositions(batch.positions);
      onAppended();
    }
    for (const conflict of batch.conflicts) logObserver.conflicted(conflict);
    if (batch.conflicts.length > 0) onOwnEvents();
    return session.hasWork ? 'again' : 'idle';
  }

  /** Resolves when the session has ended; its signal, the loop's, MUST have aborted. */
  async stop(): Promise<void> {
    await this.#endSession();
  }

  async #sessionFor(signal: AbortSignal): Promise<IngestSession> {
    if (this.#session?.ended === false) return this.#session;
    await this.#endSession();
    const { log, onIntakes, onPositions } = this.#options;
    const positions = await log.positions();
    // This iteration's signal aborts when the lease is lost or the loop is stopped, also long after the iteration.
    const session = new IngestSession({ ...this.#options, positions, signal });
    this.#session = session;
    onPositions(positions);
    onIntakes(session.intakes);
    signal.addEventListener('abort', () => onIntakes([]), { once: true });
    await session.start();
    return session;
  }

  async #endSession(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.end();
  }

  /** Each source in turn is the first to fill the batch, so that none can crowd out the others. */
  #takeBatch({ intakes }: IngestSession): { next: LogEntry[]; repeats: LogEntry[] } {
    const first = this.#firstSource++ % intakes.length;
    const next: LogEntry[] = [];
    const repeats: LogEntry[] = [];
    for (const intake of [...intakes.slice(first), ...intakes.slice(0, first)]) {
      const taken = intake.take(BATCH_SIZE - Math.max(next.length, repeats.length));
      next.push(...taken.next);
      repeats.push(...taken.repeats);
    }
    return { next, repeats };
  }
}
