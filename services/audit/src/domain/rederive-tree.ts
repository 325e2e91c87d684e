import { bytesEqual } from '@cert-tasks/kernel';
import {
  CompactRange,
  leafCommitment,
  leafHash,
  MerkleError,
  noteVerifier,
  rawLeafCommitment,
  TILE_WIDTH,
  verifyCheckpoint,
} from '@cert-tasks/merkle';
import { type BodyColumns, bodyColumnsOf } from './body-columns.ts';
import type { LogKey, SignedCheckpoint } from './checkpoint.ts';
import { headsBySize, type KnownHead, type WitnessedHead } from './known-head.ts';
import { PLATFORM_PROJECT, rawEntryId } from './log-entry.ts';
import { EMPTY_TREE, type FilledTile, growTree, type TreeState } from './tree-growth.ts';

/** An entry as its rows say, for checking. */
export interface EntryRows {
  readonly index: bigint;
  readonly source: string;
  readonly number: bigint;
  readonly eventId: string;
  readonly project: string;
  readonly leafData: Uint8Array;
  readonly problem: string | undefined;
  /** Undefined where it was erased. */
  readonly body: (BodyColumns & { readonly canonicalEvent: string; readonly salt: Uint8Array }) | undefined;
  /** Of a raw leaf; undefined where it was erased or not kept. */
  readonly raw: Uint8Array | undefined;
}

/** The log's rows, all of one moment. */
export interface LogRows {
  /** In order of their index. */
  readonly entries: AsyncIterable<EntryRows>;
  /** In order of their size. */
  readonly checkpoints: AsyncIterable<SignedCheckpoint>;
  /** A full tile's hashes and root; undefined where there is no row. */
  readonly tile: (tile: {
    level: number;
    index: bigint;
  }) => Promise<{ hashes: Uint8Array; root: Uint8Array } | undefined>;
  /** How many full tiles there are in all. */
  readonly tileCount: bigint;
  readonly tree: TreeState;
  readonly positions: ReadonlyMap<string, bigint>;
}

/**
 * Something in the log's rows that is not as it was sequenced.
 *
 * - `entry-missing`: an index has no entry.
 * - `entry-changed`: an entry's leaf is not the one that the tree was built from.
 * - `body-changed`: an event, or what it is found by, is not what its leaf commits to.
 * - `id-changed`: a raw entry has another id or project than its leaf gives it. (An event's id is in its body.)
 * - `number-changed`: a source's numbers do not run 1, 2, 3, ... in the order of the log.
 * - `entry-added`: there are entries past the size of the tree.
 * - `tile-changed`: a tile is missing, not that of its hashes, or one too many.
 * - `tree-changed`: the stored state of the tree is not that of its entries.
 * - `position-changed`: a source's position is not its last number in the log.
 * - `checkpoint-changed`: a checkpoint is not that of the tree, or not signed by the log's key.
 * - `forked`: the tree of a size that the witness signed had another root. Told once, for the smallest.
 * - `shrunk`: the witness signed a tree that is larger than the log. Told once.
 */
export type LogBreachKind =
  | 'entry-missing'
  | 'entry-changed'
  | 'body-changed'
  | 'id-changed'
  | 'number-changed'
  | 'entry-added'
  | 'tile-changed'
  | 'tree-changed'
  | 'position-changed'
  | 'checkpoint-changed'
  | 'forked'
  | 'shrunk';

/** See {@link LogBreachKind}. */
export interface LogBreach {
  readonly kind: LogBreachKind;
  /** The entry concerned; undefined where it is not a single one. */
  readonly index: bigint | undefined;
  readonly message: string;
}

const BATCH = 1_024;

/** What the log is held against that is not its own. */
export interface Witnesses {
  /** The keys that may sign the log's checkpoints; where absent, signatures are not checked. */
  readonly keys?: readonly LogKey[];
  /** What the witness has signed, in order of size, and not after the moment that the rows are of; several may be of one size. */
  readonly heads?: AsyncIterable<WitnessedHead>;
}

/**
 * Builds the tree again from the entries and compares everything that is stored with it, naming each entry that was changed,
 * removed, added or swapped. With the log's keys and with what its witness remembers, which are to come from elsewhere than
 * the log's own tables, it finds also what was changed together with all its traces: the checkpoint's signature is not to be
 * had without signer.
 */
export async function* rederiveTree(rows: LogRows, witnesses: Witnesses = {}): AsyncGenerator<LogBreach, void, void> {
  const tree = new TreeCheck(rows, witnesses);
  let expected = 0n;
  let batch: EntryRows[] = [];
  for await (const entry of rows.entries) {
    if (entry.index >= rows.tree.size) {
      yield breach('entry-added', entry.index, `entry ${entry.index} is past the end of the tree, ${rows.tree.size}`);
      continue;
    }
    if (entry.index !== expected) {
      yield breach('entry-missing', expected, missing(expected, entry.index - 1n));
      // Without all its leaves no hash of the tree can be derived: what follows is checked entry by entry.
      yield* tree.check(batch);
      batch = [];
      tree.breakOff();
      expected = entry.index;
    }
    expected += 1n;
    yield* checkEntry(entry);
    yield* tree.checkNumber(entry);
    batch.push(entry);
    if (batch.length === BATCH) {
      yield* tree.check(batch);
      batch = [];
    }
  }
  yield* tree.check(batch);
  if (expected < rows.tree.size) yield breach('entry-missing', expected, missing(expected, rows.tree.size - 1n));
  yield* tree.checkEnd();
}

function* checkEntry(entry: EntryRows): Generator<LogBreach, void, void> {
  const { index, leafData, body, raw, problem } = entry;
  if (body !== undefined) {
    const committed = leafCommitmentOf(body);
    if (committed === undefined || !bytesEqual(committed, leafData)) {
      yield breach('body-changed', index, `entry ${index} has an event that its leaf does not commit to`);
    } else {
      const columns = bodyColumnsOf(body.canonicalEvent);
      const differs = differingColumn({ ...body, ...placeOf(entry) }, columns);
      if (differs !== undefined) {
        yield breach('body-changed', index, `entry ${index} is filed under another ${differs} than its event has`);
      }
    }
  }
  if (raw !== undefined && !bytesEqual(rawLeafCommitment(raw), leafData)) {
    yield breach('body-changed', index, `entry ${index} has raw bytes that its leaf does not commit to`);
  }
  if (problem !== undefined && (entry.eventId !== rawEntryId(entry) || entry.project !== PLATFORM_PROJECT)) {
    yield breach('id-changed', index, `entry ${index} is filed under another id or project than its leaf gives it`);
  }
  const version = problem === undefined ? 1 : 2;
  if (leafData[0] !== version)
    yield breach('entry-changed', index, `entry ${index} has a leaf of another kind than it says`);
}

/** The tree as it grows again, beside what is stored of it. */
class TreeCheck {
  readonly #rows: LogRows;
  readonly #keys: readonly LogKey[] | undefined;
  readonly #heads: AsyncIterator<KnownHead>;
  readonly #numbers = new Map<string, bigint>();
  /** By tile level: hashes of the tile that is not full yet. */
  readonly #partial: Uint8Array[][] = [];
  #tree: TreeState | undefined = EMPTY_TREE;
  #next: KnownHead | undefined;
  #agreed: bigint | undefined;
  #isForked = false;
  #isShrunk = false;
  #tiles = 0n;

  constructor(rows: LogRows, { keys, heads }: Witnesses) {
    this.#rows = rows;
    this.#keys = keys;
    this.#heads = headsBySize(rows.checkpoints, heads);
  }

  /** Leaves are missing: the tree cannot be derived any further. */
  breakOff(): void {
    this.#tree = undefined;
  }

  *checkNumber({ source, number, index }: EntryRows): Generator<LogBreach, void, void> {
    const expected = (this.#numbers.get(source) ?? 0n) + 1n;
    if (number !== expected) {
      yield breach(
        'number-changed',
        index,
        `entry ${index} is number ${number} of ${source}, where ${expected} belongs`,
      );
    }
    this.#numbers.set(source, number);
  }

  async *check(entries: readonly EntryRows[]): AsyncGenerator<LogBreach, void, void> {
    let left = entries;
    while (this.#tree !== undefined && left.length > 0) {
      // Up to the next head that is known, whose root is then that of the tree.
      const { size } = this.#tree;
      const known = await this.#headFrom(size);
      if (known?.head.size === size) {
        yield* this.#checkHead(known);
        continue;
      }
      const most = known === undefined ? left.length : Number(minimum(known.head.size - size, BigInt(left.length)));
      const part = left.slice(0, most);
      left = left.slice(most);
      const hashes = part.map(({ leafData }) => leafHash(leafData));
      const { state, filledTiles } = growTree(this.#tree, hashes);
      this.#tree = state;
      for (const tile of filledTiles) yield* this.#checkTile(tile);
      this.#keepPartial(state.size, filledTiles, hashes);
    }
  }

  async *checkEnd(): AsyncGenerator<LogBreach, void, void> {
    const { tree, positions, tileCount } = this.#rows;
    if (this.#tree !== undefined) {
      for (let at = await this.#headFrom(this.#tree.size); at !== undefined; ) {
        if (at.head.size > this.#tree.size) yield* this.#pastEnd(at);
        else yield* this.#checkHead(at);
        at = await this.#headFrom(this.#tree.size);
      }
      if (this.#tree.size !== tree.size || !bytesEqual(this.#tree.range, tree.range)) {
        yield breach('tree-changed', undefined, 'the stored state of the tree is not that of its entries');
      }
      if (tileCount !== this.#tiles) {
        yield breach('tile-changed', undefined, `there are ${tileCount} tiles where the tree has ${this.#tiles}`);
      }
    }
    for (const source of new Set([...positions.keys(), ...this.#numbers.keys()])) {
      const [position, last] = [positions.get(source) ?? 0n, this.#numbers.get(source) ?? 0n];
      if (position !== last) {
        yield breach(
          'position-changed',
          undefined,
          `${source} is said to be in the log up to ${position}, and is up to ${last}`,
        );
      }
    }
  }

  async #headFrom(size: bigint): Promise<KnownHead | undefined> {
    while (this.#next === undefined || this.#next.head.size < size) {
      const result = await this.#heads.next();
      if (result.done === true) return undefined;
      this.#next = result.value;
    }
    return this.#next;
  }

  *#pastEnd({ by, head: { size } }: KnownHead): Generator<LogBreach, void, void> {
    this.#next = undefined;
    if (by === 'log') {
      yield breach('checkpoint-changed', undefined, `a checkpoint of ${size} entries is past the end of the log`);
    } else if (!this.#isShrunk) {
      this.#isShrunk = true;
      yield breach('shrunk', undefined, `the witness signed a log of ${size} entries, and this one has fewer`);
    }
  }

  *#checkHead({ by, head }: KnownHead): Generator<LogBreach, void, void> {
    this.#next = undefined;
    if (this.#tree === undefined) return;
    const { size } = head;
    const isSame = bytesEqual(CompactRange.deserialize(this.#tree.range).root(), head.root);
    const since = this.#agreed === undefined ? 'from the first entry on' : `after entry ${this.#agreed - 1n}`;
    if (isSame) this.#agreed = size;
    if (by === 'witness') {
      if (isSame || this.#isForked) return;
      this.#isForked = true;
      yield breach('forked', undefined, `the witness signed another tree of ${size} entries: it differs ${since}`);
      return;
    }
    if (!isSame) {
      yield breach(
        'checkpoint-changed',
        undefined,
        `the tree is not the one of the checkpoint of ${size} entries: it differs somewhere ${since}`,
      );
    }
    if (this.#keys?.some((key) => isSigned(head, key)) === false) {
      yield breach(
        'checkpoint-changed',
        undefined,
        `the checkpoint of ${size} entries is not one that the log's key signed`,
      );
    }
  }

  async *#checkTile(tile: FilledTile): AsyncGenerator<LogBreach, void, void> {
    const { level, index, storedHashes, newHashes, root } = tile;
    this.#tiles += 1n;
    const hashes = [...(this.#partial[level] ?? []).slice(0, storedHashes), ...newHashes];
    const stored = await this.#rows.tile({ level, index });
    const name = `tile ${index} of level ${level}`;
    if (stored === undefined) {
      yield breach('tile-changed', undefined, `${name} is missing`);
      return;
    }
    const differing = hashes.flatMap((hash, i) =>
      bytesEqual(hash, stored.hashes.subarray(i * 32, (i + 1) * 32)) ? [] : [i],
    );
    // The tile was written with the entries: the leaf that it has another hash for is the one that was changed since.
    for (const i of level === 0 ? differing : []) {
      const at = index * BigInt(TILE_WIDTH) + BigInt(i);
      yield breach('entry-changed', at, `entry ${at} has another leaf than the tree was built from`);
    }
    if (differing.length === 0 && !bytesEqual(root, stored.root)) {
      yield breach('tile-changed', undefined, `${name} has another root than its hashes make`);
    }
  }

  /** Keeps what the tiles that are not full have so far. */
  #keepPartial(size: bigint, filled: readonly FilledTile[], leaves: readonly Uint8Array[]): void {
    const added: Uint8Array[][] = [[...leaves]];
    for (const { level, root } of filled) {
      const above = added[level + 1] ?? [];
      added[level + 1] = above;
      above.push(root);
    }
    added.forEach((hashes, level) => {
      const count = Number((size >> BigInt(8 * level)) % BigInt(TILE_WIDTH));
      const all = [...(this.#partial[level] ?? []), ...hashes];
      this.#partial[level] = count === 0 ? [] : all.slice(-count);
    });
  }
}

function leafCommitmentOf({
  canonicalEvent,
  salt,
}: {
  canonicalEvent: string;
  salt: Uint8Array;
}): Uint8Array | undefined {
  try {
    return leafCommitment({ salt, canonicalEvent: new TextEncoder().encode(canonicalEvent) });
  } catch (error) {
    if (error instanceof MerkleError) return undefined;
    throw error;
  }
}

function placeOf({ source, number, eventId, project }: EntryRows) {
  return { id: eventId, number: number.toString(), entrySource: source, entryProject: project };
}

type FiledUnder = BodyColumns & ReturnType<typeof placeOf>;

function differingColumn(filed: FiledUnder, event: ReturnType<typeof bodyColumnsOf>): string | undefined {
  const { project, source, type, actorKind, actor, subject, action, result, time } = event;
  const expected: Readonly<Record<string, string>> = {
    project,
    source,
    type,
    actorKind,
    actor,
    subject,
    action,
    result,
    time: time.toISOString(),
    id: event.id,
    number: event.number,
    entrySource: source,
    entryProject: project,
  };
  const found: Readonly<Record<string, string>> = { ...filed, time: filed.time.toISOString() } satisfies Record<
    string,
    unknown
  >;
  return Object.keys(expected).find((column) => found[column] !== expected[column]);
}

function isSigned({ signedNote, size, root }: SignedCheckpoint, { origin, publicKey }: LogKey): boolean {
  try {
    const verifier = noteVerifier({ name: origin, type: 'ed25519', publicKey });
    const { checkpoint } = verifyCheckpoint(signedNote, { origin, logKeys: [verifier] });
    return checkpoint.size === size && bytesEqual(checkpoint.root, root);
  } catch (error) {
    if (error instanceof MerkleError) return false;
    throw error;
  }
}

function breach(kind: LogBreachKind, index: bigint | undefined, message: string): LogBreach {
  return { kind, index, message };
}

function missing(from: bigint, to: bigint): string {
  return from === to ? `entry ${from} is missing` : `entries ${from} to ${to} are missing`;
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
