import { failpoint } from '@cert-tasks/failpoint';
import { bytesEqual } from '@cert-tasks/kernel';
import { leafHash } from '@cert-tasks/merkle';
import { type Conflict, conflictEvent } from '../domain/conflict.ts';
import { AuditError } from '../domain/errors.ts';
import { type LogEntry, rawEntry } from '../domain/log-entry.ts';
import { growTree } from '../domain/tree-growth.ts';
import type { FullTile, LogTransaction, LogWork, PlacedLeaf, WriteRight } from './ports/log-work.ts';

/** Entries to be sequenced. Each is of a place of its own, or a repeat of what the log has. */
export interface SequenceInput {
  readonly right: WriteRight;
  /** In any number of sources; of each consecutive. */
  readonly next: readonly LogEntry[];
  /** Entries whose place is in the log, to be compared with it. */
  readonly repeats: readonly LogEntry[];
}

/** What became of a batch. */
export interface SequencedBatch {
  /** Entries appended, in order. */
  readonly appended: readonly LogEntry[];
  /** Conflicts that were not known before. */
  readonly conflicts: readonly Conflict[];
  /** The log's positions of all sources, after the batch. */
  readonly positions: ReadonlyMap<string, bigint>;
  /** Size of the tree after the batch. */
  readonly size: bigint;
}

/**
 * Takes events into the log: each (source, number) once, number n + 1 only after n. What is in the log already is compared
 * with what stands there and never overwrites it.
 *
 * @throws AuditError `log-held`, `log-damaged`; what {@link LogWork.write} throws. Nothing was changed then.
 */
export async function sequenceEvents(work: LogWork, { right, next, repeats }: SequenceInput): Promise<SequencedBatch> {
  const batch = await work.write(right, async (log) => {
    // 1. The tree's row is the lock; whoever comes second reads what the first has left.
    const tree = await log.lockTree();
    if (tree.isHeld) throw logHeld();

    // 2. The table says what is next, not the caller: after a commit whose answer was lost, its entries come again.
    const before = await log.positions();
    const { fresh, known } = split(next, before);

    // 3. What is in the log is compared with it.
    const numberConflicts = await findNumberConflicts(log, [...repeats, ...known]);

    // 4. An event id stands for one event in all the log: under another place it is entered by its hash alone.
    const { entries, conflicts: idConflicts } = await settleEventIds(log, fresh, tree.size);

    // 5. The leaves and the tiles that they fill.
    const { state, filledTiles } = growTree(
      tree,
      entries.map(({ leafData }) => leafHash(leafData)),
    );
    const fullTiles: FullTile[] = [];
    for (const { level, index, storedHashes, newHashes, root } of filledTiles) {
      const stored = storedHashes === 0 ? [] : await log.tileHashes({ level, index, count: storedHashes });
      fullTiles.push({ level, index, root, hashes: [...stored, ...newHashes] });
    }
    const positions = new Map(before);
    for (const { source, number } of entries) positions.set(source, number);
    if (entries.length > 0)
      await log.append({ entries, fullTiles, tree: state, positions: changed(positions, before) });

    // 6. Conflicts, and what the log says of them itself, last.
    const found = [...numberConflicts, ...idConflicts];
    const conflicts = found.length === 0 ? [] : await log.recordConflicts(found);
    if (conflicts.length > 0) await log.tell(conflicts.map(conflictEvent));
    failpoint('audit.sequence.before-commit');
    return { appended: entries, conflicts, positions, size: state.size };
  });
  failpoint('audit.sequence.after-commit');
  return batch;
}

/** Splits into what continues each source without a gap, and what is there. What would leave a gap is left to come again. */
function split(
  next: readonly LogEntry[],
  positions: ReadonlyMap<string, bigint>,
): { fresh: readonly LogEntry[]; known: readonly LogEntry[] } {
  const ends = new Map(positions);
  const fresh: LogEntry[] = [];
  const known: LogEntry[] = [];
  for (const entry of next) {
    const end = ends.get(entry.source) ?? 0n;
    if (entry.number <= end) known.push(entry);
    else if (entry.number === end + 1n) {
      fresh.push(entry);
      ends.set(entry.source, entry.number);
    }
  }
  return { fresh, known };
}

async function findNumberConflicts(log: LogTransaction, entries: readonly LogEntry[]): Promise<Conflict[]> {
  if (entries.length === 0) return [];
  const standing = new Map<string, PlacedLeaf>();
  for (const leaf of await log.leavesAt(entries)) standing.set(`${leaf.source}/${leaf.number}`, leaf);
  return entries.flatMap((entry) => {
    const stands = standing.get(`${entry.source}/${entry.number}`);
    // What became a raw leaf for its id alone comes again as what it was: the same bytes are the same story.
    if (stands === undefined || isSameStory(stands, entry)) return [];
    return [conflict('number-reused', entry, stands.index)];
  });
}

function isSameStory(stands: PlacedLeaf, entry: LogEntry): boolean {
  return bytesEqual(stands.leafData, entry.leafData) || bytesEqual(stands.leafData, rawEntry(entry, '').leafData);
}

async function settleEventIds(
  log: LogTransaction,
  fresh: readonly LogEntry[],
  size: bigint,
): Promise<{ entries: (LogEntry & { readonly index: bigint })[]; conflicts: Conflict[] }> {
  const taken = new Map(fresh.length === 0 ? [] : await log.indexesOf(fresh.map(({ eventId }) => eventId)));
  const conflicts: Conflict[] = [];
  const entries = fresh.map((entry, i) => {
    const index = size + BigInt(i);
    const other = taken.get(entry.eventId);
    taken.set(entry.eventId, other ?? index);
    if (other === undefined) return { ...entry, index };
    conflicts.push(conflict('event-id-reused', entry, other));
    return { ...rawEntry(entry, `its event id is that of entry ${other}`), index };
  });
  return { entries, conflicts };
}

function conflict(kind: Conflict['kind'], entry: LogEntry, index: bigint): Conflict {
  const { source, number, eventId, leafData: offeredLeaf, raw: offered } = entry;
  return { kind, source, number, eventId, index, offeredLeaf, offered };
}

function changed(after: ReadonlyMap<string, bigint>, before: ReadonlyMap<string, bigint>): ReadonlyMap<string, bigint> {
  return new Map([...after].filter(([source, number]) => before.get(source) !== number));
}

function logHeld(): AuditError {
  return new AuditError('log-held', 'The log is held: signer, its witness, refuses the tree as it stands.', {
    advice: 'Follow docs/adr/0009-restore.md, "audit older than the others".',
  });
}
