import { bytesEqual } from '@cert-tasks/kernel';
import type { LogEntry } from './log-entry.ts';

/** Bounds of a {@link SourceWindow}. */
export interface SourceWindowLimits {
  /** How far ahead of the log events are held. */
  readonly maxEvents: number;
  /** Most bytes that are held, but for the one event that the log waits for. */
  readonly maxBytes: number;
}

/** What became of an offered entry: taken (or held already), or there is no room for it yet. */
export type OfferOutcome = 'held' | 'no-room';

/** What the sequencer takes of a window. */
export interface TakenEntries {
  /** Consecutive, the first is the next number of the log. */
  readonly next: readonly LogEntry[];
  /** Entries whose number is in the log already, to be compared with what is there. */
  readonly repeats: readonly LogEntry[];
}

/**
 * The events of one source on their way into the log, by number: those that came early wait for those that are missing.
 *
 *     1 .. position             in the log; what comes again is compared with it
 *     position + 1 .. heldEnd   held without a gap: can be sequenced
 *     beyond                    held behind a gap, within the limits
 *
 * The number that the log waits for always finds room, so that what waits cannot keep out what it waits for.
 */
export class SourceWindow {
  readonly source: string;
  readonly #limits: SourceWindowLimits;
  #position: bigint;
  #heldEnd: bigint;
  #bytes = 0;
  readonly #held = new Map<bigint, LogEntry>();
  /** Other content for a number, and what came again: to be compared once the number is in the log. */
  readonly #toCompare = new Set<LogEntry>();

  constructor({ source, position, limits }: { source: string; position: bigint; limits: SourceWindowLimits }) {
    this.source = source;
    this.#position = position;
    this.#heldEnd = position;
    this.#limits = limits;
  }

  /** The last number that is in the log. */
  get position(): bigint {
    return this.#position;
  }

  /** The last number up to which nothing is missing. */
  get heldEnd(): bigint {
    return this.#heldEnd;
  }

  /** Whether something waits behind a number that is missing. */
  get hasGap(): boolean {
    return this.#held.size > Number(this.#heldEnd - this.#position);
  }

  /** Whether there is something to take. */
  get hasWork(): boolean {
    return this.#heldEnd > this.#position || this.#comparable().length > 0;
  }

  /** Whether the next event of a feed, the one after {@link heldEnd}, would find room. */
  get hasRoom(): boolean {
    return this.#hasRoomFor(this.#heldEnd + 1n);
  }

  /**
   * Takes in an entry, whatever its number; in any order, and as often as it comes. Of two stories under one number the
   * feed's is held for the log: pushed events pass a broker.
   */
  offer(entry: LogEntry, { isFromFeed }: { readonly isFromFeed: boolean }): OfferOutcome {
    if (entry.number <= this.#position) return this.#keepToCompare(entry);
    const held = this.#held.get(entry.number);
    if (held !== undefined) {
      if (bytesEqual(held.leafData, entry.leafData)) return 'held';
      if (!isFromFeed) return this.#keepToCompare(entry);
      this.#held.set(entry.number, entry);
      this.#bytes += entry.raw.length - held.raw.length;
      this.#keepToCompare(held);
      return 'held';
    }
    if (!this.#hasRoomFor(entry.number)) return 'no-room';
    this.#held.set(entry.number, entry);
    this.#bytes += entry.raw.length;
    while (this.#held.has(this.#heldEnd + 1n)) this.#heldEnd += 1n;
    return 'held';
  }

  /** Whether an event of this number has come. */
  has(number: bigint): boolean {
    return number <= this.#position || this.#held.has(number);
  }

  /** Whether an entry that was held is done with: in the log, or compared with what is there. */
  isSettled(entry: LogEntry): boolean {
    return entry.number <= this.#position && !this.#toCompare.has(entry);
  }

  /** What can be sequenced and compared now, at most `limit` of each. It stays held until {@link settle}. */
  take(limit: number): TakenEntries {
    const next: LogEntry[] = [];
    for (let number = this.#position + 1n; number <= this.#heldEnd && next.length < limit; number++) {
      const entry = this.#held.get(number);
      if (entry === undefined) break;
      next.push(entry);
    }
    return { next, repeats: this.#comparable().slice(0, limit) };
  }

  /** The log has come to `position`, and has compared these. */
  settle(position: bigint, compared: readonly LogEntry[]): void {
    for (const entry of compared) {
      if (this.#toCompare.delete(entry)) this.#bytes -= entry.raw.length;
    }
    for (let number = this.#position + 1n; number <= position; number++) {
      const entry = this.#held.get(number);
      if (entry === undefined) continue;
      this.#held.delete(number);
      this.#bytes -= entry.raw.length;
    }
    if (position > this.#position) this.#position = position;
    if (this.#heldEnd < position) this.#heldEnd = position;
    while (this.#held.has(this.#heldEnd + 1n)) this.#heldEnd += 1n;
  }

  #comparable(): LogEntry[] {
    return [...this.#toCompare].filter(({ number }) => number <= this.#position);
  }

  #keepToCompare(entry: LogEntry): OfferOutcome {
    if (this.#toCompare.has(entry)) return 'held';
    if (this.#bytes >= this.#limits.maxBytes || this.#toCompare.size >= this.#limits.maxEvents) return 'no-room';
    this.#toCompare.add(entry);
    this.#bytes += entry.raw.length;
    return 'held';
  }

  #hasRoomFor(number: bigint): boolean {
    if (number === this.#position + 1n) return true;
    return number <= this.#position + BigInt(this.#limits.maxEvents) && this.#bytes < this.#limits.maxBytes;
  }
}
