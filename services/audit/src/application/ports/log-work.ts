import type { Conflict } from '../../domain/conflict.ts';
import type { LogEntry } from '../../domain/log-entry.ts';
import type { OwnEvent } from '../../domain/own-event.ts';
import type { TreeState } from '../../domain/tree-growth.ts';

/** The right to write the log: that of the sequencer's lease. */
export interface WriteRight {
  readonly fence: bigint;
}

/** A place in a source. */
export interface Place {
  readonly source: string;
  readonly number: bigint;
}

/** The entry that stands at a place. */
export interface PlacedLeaf extends Place {
  readonly index: bigint;
  readonly leafData: Uint8Array;
}

/** A tile with all its hashes: never changed. */
export interface FullTile {
  readonly level: number;
  readonly index: bigint;
  readonly hashes: readonly Uint8Array[];
  /** Hash of the tile as a node. */
  readonly root: Uint8Array;
}

/** What a batch adds to the log. */
export interface LogAppend {
  /** With their indexes, in order. */
  readonly entries: readonly (LogEntry & { readonly index: bigint })[];
  readonly fullTiles: readonly FullTile[];
  readonly tree: TreeState;
  /** The last number of each source that the batch has events of. */
  readonly positions: ReadonlyMap<string, bigint>;
}

/** The log inside one transaction. Nobody else writes it meanwhile. */
export interface LogTransaction {
  /** Locks the tree and tells it, and whether a fork holds up the log. */
  lockTree(): Promise<TreeState & { readonly isHeld: boolean }>;
  /** The last number in the log of every source that has any. */
  positions(): Promise<ReadonlyMap<string, bigint>>;
  /** The entries that stand at these places. */
  leavesAt(places: readonly Place[]): Promise<readonly PlacedLeaf[]>;
  /** Indexes of those of the event ids that are in the log. */
  indexesOf(eventIds: readonly string[]): Promise<ReadonlyMap<string, bigint>>;
  /** The first hashes of a tile that is not full. @throws AuditError `log-damaged` where one is missing. */
  tileHashes(tile: { readonly level: number; readonly index: bigint; readonly count: number }): Promise<Uint8Array[]>;
  append(append: LogAppend): Promise<void>;
  /** Records conflicts; tells those that were not recorded before. */
  recordConflicts(conflicts: readonly Conflict[]): Promise<readonly Conflict[]>;
  /** Appends events of the log's own; last in the transaction. */
  tell(events: readonly OwnEvent[]): Promise<void>;
}

/** Writes to the log. */
export interface LogWork {
  /**
   * Runs `fn` in a transaction that commits only while the right stands.
   *
   * @throws DbError `lease-lost` and what else the database raises; what `fn` throws passes through.
   */
  write<T>(right: WriteRight, fn: (log: LogTransaction) => Promise<T>): Promise<T>;
}
