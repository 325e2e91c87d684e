import { type Database, LeasedLoop, type LeasedRun, LeaseHolder, type LeaseTable } from '@cert-tasks/db';
import { Loop, type LoopObserver, type LoopOutcome, type Service } from '@cert-tasks/lifecycle';
import type { EventPublisher } from './event-publisher.ts';
import type { OutboxTables } from './outbox-tables.ts';
import { publishEvents } from './publish-events.ts';
import { stampEvents } from './stamp-events.ts';

/** Name of the relay's lease; one in each service's table of leases. */
const LEASE = 'outbox-relay';
const DEFAULT_TTL_MS = 10_000;
const DEFAULT_POLL_MS = 250;
const STAMP_LIMIT = 1_000;
const PUBLISH_LIMIT = 500;
const PUBLISH_BACKOFF = { baseMs: 200, maxMs: 5_000 };

/** Options of {@link OutboxRelay}. */
export interface OutboxRelayOptions {
  readonly db: Database;
  readonly tables: OutboxTables;
  readonly leases: LeaseTable;
  /** Who this process is: different in every one. */
  readonly holder: string;
  readonly publisher: EventPublisher;
  readonly observer: LoopObserver;
  /**
   * Tells the service's other replicas that there are events to stamp, when this one does not lead; at most once, it may
   * get lost. MUST NOT throw. They pass it on to {@link OutboxRelay.wakeByHint}.
   */
  readonly hintOthers?: () => void;
  /** How long a relay that died leads on, in milliseconds; 10 s by default. */
  readonly leaseTtlMs?: number;
  /** How often the relay looks without being woken, in milliseconds; 250 by default. */
  readonly pollMs?: number;
}

/**
 * Numbers the events of a service and publishes them. Every replica has one; the one that holds the lease works.
 *
 * Stamping and publishing are two loops: a broker that is away or slow holds up publishing alone, which goes on where it
 * stopped. What a wiped broker has lost is not published again, since consumers that see a gap read the feed.
 */
export class OutboxRelay implements Service {
  readonly name = 'outbox-relay';
  readonly #options: OutboxRelayOptions;
  readonly #stamper: LeasedLoop;
  readonly #publisher: Loop;
  readonly #listeners = new Set<() => void>();

  constructor(options: OutboxRelayOptions) {
    const { db, leases, holder, observer, leaseTtlMs = DEFAULT_TTL_MS, pollMs = DEFAULT_POLL_MS } = options;
    this.#options = options;
    this.#stamper = new LeasedLoop({
      name: 'outbox-stamp',
      holder: new LeaseHolder({ db, table: leases, name: LEASE, holder, ttlMs: leaseTtlMs }),
      intervalMs: pollMs,
      observer,
      run: (run) => this.#stamp(run),
    });
    this.#publisher = new Loop({
      name: 'outbox-publish',
      intervalMs: pollMs,
      observer,
      backoff: PUBLISH_BACKOFF,
      run: () => this.#publish(),
    });
  }

  /** Whether this replica's relay is the one that works. */
  get leading(): boolean {
    return this.#stamper.lease !== undefined;
  }

  async start(): Promise<void> {
    await this.#stamper.start();
    await this.#publisher.start();
  }

  async stop(): Promise<void> {
    await this.#publisher.stop();
    await this.#stamper.stop();
  }

  /** Events were committed. Cheap, and safe at any time. */
  wake(): void {
    if (this.leading) this.#stamper.wake();
    else this.#options.hintOthers?.();
  }

  /** Another replica says that events were committed. */
  wakeByHint(): void {
    this.#stamper.wake();
  }

  /** Calls `listener` after events were numbered by this process, until the returned function is called. */
  onStamped(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #stamp({ signal, lease }: LeasedRun): Promise<LoopOutcome> {
    signal.throwIfAborted();
    const { db, tables, leases } = this.#options;
    const { stamped } = await stampEvents({ db, tables, leases, leaseName: LEASE, lease, limit: STAMP_LIMIT });
    if (stamped === 0) return 'idle';
    this.#publisher.wake();
    for (const listener of this.#listeners) listener();
    return stamped === STAMP_LIMIT ? 'again' : 'idle';
  }

  /** Without a fence: two relays that publish the same events give them the same message ids. */
  async #publish(): Promise<LoopOutcome> {
    if (!this.leading) return 'idle';
    const { db, tables, publisher } = this.#options;
    const published = await publishEvents({ db, tables, publisher, limit: PUBLISH_LIMIT });
    return published === PUBLISH_LIMIT ? 'again' : 'idle';
  }
}
