import { CompactRange, encodeTile, leafHash, TILE_WIDTH, type Tile } from '@cert-tasks/merkle';
import type { CheckpointStore } from '../application/ports/checkpoint-store.ts';
import type { LogReader, LogStatus } from '../application/ports/log-reader.ts';
import type { FullTile, LogTransaction, LogWork, PlacedLeaf, WriteRight } from '../application/ports/log-work.ts';
import type { PublishedCheckpoint, SignedCheckpoint } from '../domain/checkpoint.ts';
import type { Conflict } from '../domain/conflict.ts';
import type { EntryCondition, EntryQuery, StoredEntry } from '../domain/entry-query.ts';
import { AuditError } from '../domain/errors.ts';
import type { LogEntry } from '../domain/log-entry.ts';
import type { OwnEvent } from '../domain/own-event.ts';
import { EMPTY_TREE, type TreeState } from '../domain/tree-growth.ts';

type IndexedEntry = LogEntry & { readonly index: bigint };

interface LogState {
  readonly entries: readonly IndexedEntry[];
  readonly tiles: ReadonlyMap<string, FullTile>;
  readonly tree: TreeState;
  readonly positions: ReadonlyMap<string, bigint>;
  readonly conflicts: readonly Conflict[];
  readonly told: readonly OwnEvent[];
}

/** The log in memory: a stand-in for PostgreSQL that passes the same suites. One transaction at a time. */
export class InMemoryLog implements LogWork, LogReader {
  #state: LogState = {
    entries: [],
    tiles: new Map(),
    tree: EMPTY_TREE,
    positions: new Map(),
    conflicts: [],
    told: [],
  };
  heldReason: string | undefined;
  readonly checkpoints: CheckpointStore;
  #queue: Promise<unknown> = Promise.resolve();
  /** The fence that stands; writers with another are refused. */
  fence = 1n;
  now = new Date('2026-01-01T00:00:00Z');

  constructor() {
    this.checkpoints = new InMemoryCheckpoints(this);
  }

  get entries(): readonly IndexedEntry[] {
    return this.#state.entries;
  }

  get conflicts(): readonly Conflict[] {
    return this.#state.conflicts;
  }

  get told(): readonly OwnEvent[] {
    return this.#state.told;
  }

  write<T>(right: WriteRight, fn: (log: LogTransaction) => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      this.assertRight(right);
      const transaction = new InMemoryTransaction(this.#state, this.heldReason !== undefined);
      const value = await fn(transaction);
      this.#state = transaction.state;
      return value;
    });
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async find({ project, eventId }: { project: string; eventId: string }): Promise<StoredEntry | undefined> {
    const entry = this.#state.entries.find((one) => one.eventId === eventId && one.project === project);
    return entry && this.#stored(entry);
  }

  async list({ project, conditions, order, after, limit }: EntryQuery): Promise<readonly StoredEntry[]> {
    const isAfter = (index: bigint): boolean =>
      after === undefined || (order === 'newest-first' ? index < after : index > after);
    const found = this.#state.entries.filter(
      (entry) => entry.project === project && isAfter(entry.index) && conditions.every((one) => meets(entry, one)),
    );
    const inOrder = order === 'newest-first' ? found.toReversed() : found;
    return inOrder.slice(0, limit).map((entry) => this.#stored(entry));
  }

  async tree(): Promise<TreeState> {
    return this.#state.tree;
  }

  readonly tiles = async (tiles: readonly Tile[]): Promise<Uint8Array[]> =>
    tiles.map((tile) => encodeTile(tileStart(this.#state, tile)));

  async status(): Promise<LogStatus> {
    const checkpoint = await this.checkpoints.latest();
    return {
      size: this.#state.tree.size,
      heldReason: this.heldReason,
      checkpoint: checkpoint && { size: checkpoint.size, signedAt: checkpoint.signedAt },
    };
  }

  async positions(): Promise<ReadonlyMap<string, bigint>> {
    return this.#state.positions;
  }

  assertRight({ fence }: WriteRight): void {
    if (fence !== this.fence) throw new Error('The lease is lost.');
  }

  #stored({ index, eventId, project, leafData, body }: IndexedEntry): StoredEntry {
    return {
      index,
      eventId,
      project,
      leafData,
      integratedAt: this.now,
      body: body.kind === 'event' ? { canonicalEvent: body.canonicalEvent, salt: body.event.salt } : undefined,
    };
  }
}

class InMemoryCheckpoints implements CheckpointStore {
  readonly #log: InMemoryLog;
  readonly #checkpoints = new Map<bigint, PublishedCheckpoint>();

  constructor(log: InMemoryLog) {
    this.#log = log;
  }

  async latest(): Promise<PublishedCheckpoint | undefined> {
    return [...this.#checkpoints.values()].toSorted((a, b) => (a.size < b.size ? 1 : -1))[0];
  }

  async find(size: bigint): Promise<PublishedCheckpoint | undefined> {
    return this.#checkpoints.get(size);
  }

  async publish(right: WriteRight, checkpoint: SignedCheckpoint): Promise<void> {
    this.#log.assertRight(right);
    const stands = this.#checkpoints.get(checkpoint.size);
    if (stands !== undefined && stands.signedNote !== checkpoint.signedNote) {
      throw new AuditError('bad-checkpoint-signature', 'There is another checkpoint of this size.');
    }
    this.#checkpoints.set(checkpoint.size, { ...checkpoint, signedAt: this.#log.now });
    this.#log.heldReason = undefined;
  }

  async hold(right: WriteRight, reason: string): Promise<void> {
    this.#log.assertRight(right);
    this.#log.heldReason = reason;
  }
}

class InMemoryTransaction implements LogTransaction {
  #state: LogState;
  readonly #isHeld: boolean;

  constructor(state: LogState, isHeld: boolean) {
    this.#state = state;
    this.#isHeld = isHeld;
  }

  get state(): LogState {
    return this.#state;
  }

  async lockTree() {
    return { ...this.#state.tree, isHeld: this.#isHeld };
  }

  async positions() {
    return this.#state.positions;
  }

  async leavesAt(places: readonly { source: string; number: bigint }[]): Promise<readonly PlacedLeaf[]> {
    return this.#state.entries.filter((entry) =>
      places.some(({ source, number }) => entry.source === source && entry.number === number),
    );
  }

  async indexesOf(eventIds: readonly string[]) {
    const wanted = new Set(eventIds);
    return new Map(
      this.#state.entries.flatMap(({ eventId, index }) => (wanted.has(eventId) ? [[eventId, index] as const] : [])),
    );
  }

  async tileHashes({ level, index, count }: { level: number; index: bigint; count: number }) {
    return tileStart(this.#state, { level, index, width: count });
  }

  async append({ entries, fullTiles, tree, positions }: Parameters<LogTransaction['append']>[0]) {
    const tiles = new Map(this.#state.tiles);
    for (const tile of fullTiles) tiles.set(`${tile.level}/${tile.index}`, tile);
    this.#state = {
      ...this.#state,
      entries: [...this.#state.entries, ...entries],
      tiles,
      tree,
      positions: new Map([...this.#state.positions, ...positions]),
    };
  }

  async recordConflicts(conflicts: readonly Conflict[]) {
    const recorded: Conflict[] = [];
    for (const conflict of conflicts) {
      if ([...this.#state.conflicts, ...recorded].some((known) => isSameStory(known, conflict))) continue;
      recorded.push(conflict);
    }
    this.#state = { ...this.#state, conflicts: [...this.#state.conflicts, ...recorded] };
    return recorded;
  }

  async tell(events: readonly OwnEvent[]) {
    this.#state = { ...this.#state, told: [...this.#state.told, ...events] };
  }
}

function isSameStory(a: Conflict, b: Conflict): boolean {
  const sameLeaf = Buffer.from(a.offeredLeaf).equals(b.offeredLeaf);
  return a.source === b.source && a.number === b.number && a.kind === b.kind && sameLeaf;
}

/** From full tiles where they are stored, so that what was stored counts, and else from the leaves. */
function tileStart({ entries, tiles }: LogState, { level, index, width }: Tile): Uint8Array[] {
  const stored = tiles.get(`${level}/${index}`);
  if (width === TILE_WIDTH) {
    if (stored === undefined) throw new AuditError('log-damaged', 'A tile is missing.');
    return [...stored.hashes];
  }
  const perHash = 1 << (8 * level);
  const from = Number(index) * TILE_WIDTH * perHash;
  return Array.from({ length: width }, (_, i) => {
    const hashes = entries.slice(from + i * perHash, from + (i + 1) * perHash).map(hashOf);
    if (level === 0) return hashes[0] ?? new Uint8Array();
    const range = CompactRange.empty();
    range.appendAll(hashes);
    return range.root();
  });
}

const leafHashes = new WeakMap<IndexedEntry, Uint8Array>();

function hashOf(entry: IndexedEntry): Uint8Array {
  const hash = leafHashes.get(entry) ?? leafHash(entry.leafData);
  leafHashes.set(entry, hash);
  return hash;
}

function meets({ body, source }: IndexedEntry, condition: EntryCondition): boolean {
  if (body.kind !== 'event') return false;
  const { event } = body;
  switch (condition.field) {
    case 'time': {
      const [at, bound] = [event.time.getTime(), condition.value.getTime()];
      const outcomes = { '<': at < bound, '<=': at <= bound, '>': at > bound, '>=': at >= bound };
      return outcomes[condition.comparison];
    }
    case 'actor':
      return event.actor?.id === condition.value;
    case 'source':
      return source === condition.value;
    default:
      return event[condition.field] === condition.value;
  }
}
