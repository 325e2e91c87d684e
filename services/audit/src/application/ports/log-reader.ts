import type { TileFetcher } from '@cert-tasks/merkle';
import type { EntryQuery, StoredEntry } from '../../domain/entry-query.ts';
import type { TreeState } from '../../domain/tree-growth.ts';

/** How the log is, whichever process works on it. */
export interface LogStatus {
  readonly size: bigint;
  /** Why the log is held; undefined while it is not. */
  readonly heldReason: string | undefined;
  /** The latest checkpoint, with when signer last vouched for it. */
  readonly checkpoint: { readonly size: bigint; readonly signedAt: Date } | undefined;
}

/** Reads the log. */
export interface LogReader {
  /** A project's entry; undefined also where it is another project's. */
  find(entry: { readonly project: string; readonly eventId: string }): Promise<StoredEntry | undefined>;
  list(query: EntryQuery): Promise<readonly StoredEntry[]>;
  /** The tree as it stands. */
  tree(): Promise<TreeState>;
  /**
   * Content of tiles of the tree, as wide as asked for.
   *
   * @throws AuditError `log-damaged` (as rejection) where one is not there in full.
   */
  readonly tiles: TileFetcher;
  status(): Promise<LogStatus>;
  /** The last number in the log of every source that has any. */
  positions(): Promise<ReadonlyMap<string, bigint>>;
}
