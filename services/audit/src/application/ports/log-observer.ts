import type { Conflict } from '../../domain/conflict.ts';
import type { LogEntry } from '../../domain/log-entry.ts';

/** Told what happens to the log; metrics and alarms are made of it. MUST NOT throw. */
export interface LogObserver {
  /** Entries were committed. */
  appended(entries: readonly LogEntry[]): void;
  /** A source told another story than it did before. */
  conflicted(conflict: Conflict): void;
  /** A message of a source was no event. */
  unreadable(source: string): void;
  /** A checkpoint was published or vouched for anew. */
  checkpointed(checkpoint: { readonly size: bigint }): void;
  /** The witness refuses this tree. */
  forked(error: unknown): void;
}
