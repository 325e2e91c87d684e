import { sleep } from '@cert-tasks/kernel';
import type { EventFeed, FeedPage } from '../application/ports/event-feed.ts';
import type { ReceivedEvent } from '../domain/log-entry.ts';
import { type EventFields, sampleReceived } from './sample-events.ts';

const WAIT_STEP_MS = 5;

/** The feed of a source in memory: it waits, as feeds do, and keeps what is reported. */
export class TestFeed implements EventFeed {
  readonly source: string;
  readonly events: ReceivedEvent[] = [];
  /** Positions that were reported. */
  readonly reported: bigint[] = [];
  /** How often it was read. */
  reads = 0;
  /** What the next calls fail with. */
  failure: Error | undefined;

  constructor(source: string) {
    this.source = source;
  }

  get lastNumber(): bigint {
    return BigInt(this.events.length);
  }

  /** Makes as many further events, and returns them. */
  emit(count: number, change: EventFields = {}): ReceivedEvent[] {
    const made = Array.from({ length: count }, (_, i) =>
      sampleReceived({ source: this.source, number: this.lastNumber + BigInt(i) + 1n }, change),
    );
    this.events.push(...made);
    return made;
  }

  async read(request: { after: bigint; limit: number; waitMs: number; signal: AbortSignal }): Promise<FeedPage> {
    const { after, limit, waitMs, signal } = request;
    this.reads += 1;
    const until = performance.now() + waitMs;
    while (after >= this.lastNumber && performance.now() < until && this.failure === undefined) {
      await sleep(WAIT_STEP_MS, signal);
    }
    signal.throwIfAborted();
    if (this.failure !== undefined) throw this.failure;
    const events = this.events.slice(Number(after), Number(after) + limit);
    return { events, lastNumber: this.lastNumber };
  }

  async reportPosition(number: bigint): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.reported.push(number);
  }
}
