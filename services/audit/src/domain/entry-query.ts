import type { Result } from './audit-event.ts';

/** One condition on entries. Entries whose event cannot be read (erased, or never decoded) meet none. */
export type EntryCondition =
  | { readonly field: 'type' | 'subject' | 'actor' | 'action' | 'source'; readonly value: string }
  | { readonly field: 'result'; readonly value: Exclude<Result, ''> }
  | { readonly field: 'time'; readonly comparison: '<' | '<=' | '>' | '>='; readonly value: Date };

/** Which of a project's entries are wanted, and in which order. */
export interface EntryQuery {
  readonly project: string;
  /** All of them hold. */
  readonly conditions: readonly EntryCondition[];
  readonly order: 'newest-first' | 'oldest-first';
  /** The index of the last entry of the page before. */
  readonly after: bigint | undefined;
  /** At most this many. */
  readonly limit: number;
}

/** An entry as readers see it. */
export interface StoredEntry {
  readonly index: bigint;
  readonly eventId: string;
  readonly project: string;
  readonly leafData: Uint8Array;
  /** Undefined where the body was erased, or was no event that could be read. */
  readonly body: { readonly canonicalEvent: string; readonly salt: Uint8Array } | undefined;
  readonly integratedAt: Date;
}
