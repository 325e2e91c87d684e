import type { Clock } from '@cert-tasks/kernel';
import { type LogEntry, logEntry, type ReceivedEvent } from '../domain/log-entry.ts';
import { SourceWindow, type SourceWindowLimits, type TakenEntries } from '../domain/source-window.ts';

/** Options of {@link SourceIntake}. */
export interface SourceIntakeOptions {
  readonly source: string;
  /** The last number that is in the log. */
  readonly position: bigint;
  readonly limits: SourceWindowLimits;
  readonly clock: Clock;
  /** There is something to sequence. Called as often as that may be; MUST be cheap. */
  readonly onWork: () => void;
  /** Something is missing that only the feed has. Called as often as that may be; MUST be cheap. */
  readonly onGap: () => void;
}

/** Takes in the events of one source, pushed and read, for as long as this process leads. */
export class SourceIntake {
  readonly source: string;
  readonly #options: SourceIntakeOptions;
  readonly #window: SourceWindow;
  #lastNumber: bigint;
  #gapSince: Date | undefined;
  #pushWorks = false;
  #watchers = new Set<() => void>();

  constructor(options: SourceIntakeOptions) {
    const { source, position, limits } = options;
    this.source = source;
    this.#options = options;
    this.#window = new SourceWindow({ source, position, limits });
    this.#lastNumber = position;
  }

  /** The last number that is in the log. */
  get position(): bigint {
    return this.#window.position;
  }

  /** The number after which the feed is to be read. */
  get heldEnd(): bigint {
    return this.#window.heldEnd;
  }

  get hasGap(): boolean {
    return this.#window.hasGap;
  }

  get hasRoom(): boolean {
    return this.#window.hasRoom;
  }

  get hasWork(): boolean {
    return this.#window.hasWork;
  }

  /** How many events the source is known to have that are not in the log. */
  get lag(): bigint {
    return this.#lastNumber - this.#window.position;
  }

  /** Since when something waits behind a missing number. */
  get gapSince(): Date | undefined {
    return this.#gapSince;
  }

  /** Whether events come by push: since the feed last had something that was not pushed. */
  get pushWorks(): boolean {
    return this.#pushWorks;
  }

  /**
   * Takes in pushed events, and resolves when all of them are in the log.
   *
   * @throws `signal.reason` (as rejection) when it aborts before: the events are to be pushed again.
   */
  async push(events: readonly ReceivedEvent[], signal: AbortSignal): Promise<void> {
    this.#pushWorks = true;
    const entries = events.map(logEntry);
    for (const { number } of entries) this.#sawNumber(number);
    let waiting: readonly LogEntry[] = entries;
    for (;;) {
      waiting = this.#hold(waiting, { isFromFeed: false });
      if (this.#window.hasGap) this.#options.onGap();
      if (entries.every((entry) => this.#window.isSettled(entry))) return;
      await this.change(signal);
    }
  }

  /** Takes in a page of the feed, in order, as far as there is room. */
  read(page: { readonly events: readonly ReceivedEvent[]; readonly lastNumber: bigint }): void {
    this.#sawNumber(page.lastNumber);
    if (page.events.some(({ number }) => !this.#window.has(number))) this.#pushWorks = false;
    this.#hold(page.events.map(logEntry), { isFromFeed: true });
  }

  /** See {@link SourceWindow.take}. */
  take(limit: number): TakenEntries {
    return this.#window.take(limit);
  }

  /** The log has come to `position` and has compared these. */
  settle(position: bigint, compared: readonly LogEntry[]): void {
    this.#window.settle(position, compared);
    this.#sawNumber(position);
    this.#noteGap();
    const watchers = this.#watchers;
    this.#watchers = new Set();
    for (const watcher of watchers) watcher();
  }

  /** Resolves at the next {@link settle}. @throws `signal.reason` (as rejection). */
  change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#watchers.delete(settled);
        reject(signal.reason);
      };
      const settled = (): void => {
        signal.removeEventListener('abort', abort);
        resolve();
      };
      if (signal.aborted) reject(signal.reason);
      else {
        this.#watchers.add(settled);
        signal.addEventListener('abort', abort, { once: true });
      }
    });
  }

  /** Offers entries and returns those that found no room. */
  #hold(entries: readonly LogEntry[], origin: { readonly isFromFeed: boolean }): readonly LogEntry[] {
    const left = entries.filter((entry) => this.#window.offer(entry, origin) === 'no-room');
    this.#noteGap();
    if (this.#window.hasWork) this.#options.onWork();
    return left;
  }

  #noteGap(): void {
    this.#gapSince = this.#window.hasGap ? (this.#gapSince ?? this.#options.clock.now()) : undefined;
  }

  #sawNumber(number: bigint): void {
    if (number > this.#lastNumber) this.#lastNumber = number;
  }
}
