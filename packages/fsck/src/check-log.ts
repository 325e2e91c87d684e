import {
  CompactRange,
  leafCommitment,
  leafHash,
  MerkleError,
  noteVerifier,
  rawLeafCommitment,
  verifyCheckpoint,
} from '@cert-tasks/merkle';
import { equalOctets } from '@cert-tasks/x509';
import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';
import { SOURCES } from './check-events.ts';

const BATCH = 1000;

interface EntryRow {
  readonly index: bigint;
  readonly source: string;
  readonly number: bigint;
  readonly leafData: Uint8Array;
  readonly problem: string | null;
  readonly canonicalEvent: string | null;
  readonly salt: Uint8Array | null;
  readonly raw: Uint8Array | null;
}

/** A tree size whose root somebody has vouched for, and what was vouched. */
interface KnownRoot {
  readonly size: bigint;
  readonly root: Uint8Array;
  /** Whose word it is. */
  readonly by: string;
}

/**
 * The log only grows and holds what was told (DESIGN 3.5): the tree re-derived from the rows has the root of every checkpoint that signer or audit holds and of the
 * stored state; bodies are what leaves commit to; each source's numbers are there once, in order, as far as its position.
 */
export async function* checkLog({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  const known = await knownRoots(sql);
  const range = CompactRange.empty();
  const numbers = new Map<string, bigint>();
  let pending = known;
  const compare = function* (): Iterable<Breach> {
    for (; pending[0] !== undefined && pending[0].size === range.end; pending = pending.slice(1)) {
      if (range.end > 0n && equalOctets(range.root(), pending[0].root)) continue;
      if (range.end === 0n) continue;
      yield {
        invariant: 'log-root',
        subject: `tree of ${range.end}`,
        detail: `its root is not the one that ${pending[0].by} holds: an entry up to ${range.end - 1n} was changed, removed, added or moved`,
      };
    }
  };
  for (;;) {
    const rows = await readEntries(sql, range.end);
    for (const row of rows) {
      if (row.index !== range.end) {
        yield {
          invariant: 'log-gap',
          subject: `entry ${range.end}`,
          detail: `it is missing; the next is ${row.index}`,
        };
        return;
      }
      yield* checkEntry(row, numbers);
      range.append(leafHash(row.leafData));
      yield* compare();
    }
    if (rows.length < BATCH) break;
  }
  for (const { size, by } of pending) {
    if (size > range.end)
      yield {
        invariant: 'log-shrunk',
        subject: `tree of ${size}`,
        detail: `${by} vouches for it, but the log has ${range.end} entries`,
      };
  }
  yield* checkPositions(sql, { numbers, settleSeconds });
  yield* checkCheckpoints(sql);
  yield* checkConflicts(sql);
}

/** By size, smallest first. */
async function knownRoots(sql: Snapshot): Promise<readonly KnownRoot[]> {
  const rows = await sql<{ size: bigint; root: Uint8Array; by: string }[]>`
    select tree_size as size, root_hash as root, 'signer' as by from signer.checkpoint_ledger
    union all select tree_size, root_hash, 'a checkpoint of audit' from audit.checkpoints
    order by size`;
  const [state] = await sql<{ size: bigint; range: Uint8Array }[]>`select size, range from audit.tree_state`;
  if (state === undefined) return rows;
  const range = CompactRange.deserialize(state.range);
  const stored = { size: state.size, root: range.root(), by: 'the stored state of the tree' };
  return [...rows, stored].toSorted((a, b) => (a.size < b.size ? -1 : a.size > b.size ? 1 : 0));
}

function readEntries(sql: Snapshot, from: bigint): Promise<EntryRow[]> {
  return sql<EntryRow[]>`
    select e.index, e.source, e.number, e.leaf_data as "leafData", e.problem, b.canonical_event as "canonicalEvent", b.salt, r.raw
    from audit.entries e left join audit.bodies b on b.index = e.index left join audit.raw_bodies r on r.index = e.index
    where e.index >= ${from} order by e.index limit ${BATCH}`;
}

function* checkEntry(row: EntryRow, numbers: Map<string, bigint>): Iterable<Breach> {
  const subject = `entry ${row.index}`;
  const previous = numbers.get(row.source) ?? 0n;
  if (row.number !== previous + 1n) {
    yield { invariant: 'log-order', subject, detail: `it is number ${row.number} of ${row.source} after ${previous}` };
  }
  numbers.set(row.source, row.number);
  const committed = bodyCommitment(row);
  if (committed !== undefined && !equalOctets(committed, row.leafData)) {
    yield { invariant: 'log-body', subject, detail: 'its body is not what its leaf commits to' };
  }
}

/** What the stored body commits to; undefined where it was erased. */
function bodyCommitment(row: EntryRow): Uint8Array | undefined {
  if (row.problem !== null) return row.raw === null ? undefined : rawLeafCommitment(row.raw);
  if (row.canonicalEvent === null || row.salt === null) return undefined;
  return leafCommitment({ salt: row.salt, canonicalEvent: Buffer.from(row.canonicalEvent) });
}

async function* checkPositions(
  sql: Snapshot,
  { numbers, settleSeconds }: { numbers: ReadonlyMap<string, bigint>; settleSeconds: number },
): AsyncIterable<Breach> {
  const positions = await sql<{ source: string; number: bigint }[]>`select source, number from audit.positions`;
  for (const { source, number } of positions) {
    const entered = numbers.get(source) ?? 0n;
    if (entered !== number)
      yield {
        invariant: 'log-position',
        subject: `source ${source}`,
        detail: `position ${number}, but entries up to ${entered}`,
      };
  }
  for (const { source, schema } of SOURCES) {
    const entered = numbers.get(source) ?? 0n;
    const [state] = await sql<{ last: bigint }[]>`select last_number as last from ${sql(`${schema}.outbox_state`)}`;
    const [late] = await sql<{ count: bigint }[]>`
      select count(*) as count from ${sql(`${schema}.outbox`)}
      where number > ${entered} and created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'`;
    if (state !== undefined && entered > state.last) {
      yield {
        invariant: 'log-ahead',
        subject: `source ${source}`,
        detail: `the log has number ${entered}, the source has given out ${state.last}`,
      };
    }
    if (late !== undefined && late.count > 0n) {
      yield {
        invariant: 'log-behind',
        subject: `source ${source}`,
        detail: `${late.count} events after ${entered} are not in the log`,
      };
    }
    const differing = await sql<{ number: bigint }[]>`
      select o.number from ${sql(`${schema}.outbox`)} o join audit.entries e on e.source = ${source} and e.number = o.number
      where e.problem is null and e.event_id <> o.event_id limit 10`;
    for (const { number } of differing) {
      yield {
        invariant: 'log-other-event',
        subject: `source ${source} number ${number}`,
        detail: 'the log has another event than the source',
      };
    }
  }
}

/** Audit's checkpoints carry signer's own signatures, and signer remembers each. */
async function* checkCheckpoints(sql: Snapshot): AsyncIterable<Breach> {
  const rows = await sql<{ size: bigint; origin: string; note: string; key: string; known: boolean }[]>`
    select c.tree_size as size, c.origin, c.signed_note as note, c.verifier_key as key,
      exists (select from signer.checkpoint_ledger l where l.tree_size = c.tree_size and l.root_hash = c.root_hash) as known
    from audit.checkpoints c order by c.tree_size`;
  for (const { size, origin, note, key, known } of rows) {
    const subject = `checkpoint of ${size}`;
    if (!known) yield { invariant: 'checkpoint-unwitnessed', subject, detail: 'signer has no record of it' };
    try {
      verifyCheckpoint(note, { origin, logKeys: [noteVerifier(key)] });
    } catch (error) {
      if (!(error instanceof MerkleError)) throw error;
      yield { invariant: 'checkpoint-invalid', subject, detail: error.message };
    }
  }
}

async function* checkConflicts(sql: Snapshot): AsyncIterable<Breach> {
  const rows = await sql<
    { kind: string; source: string; number: bigint }[]
  >`select kind, source, number from audit.conflicts limit 100`;
  for (const { kind, source, number } of rows) {
    yield {
      invariant: 'log-conflict',
      subject: `source ${source} number ${number}`,
      detail: `a second story was told (${kind})`,
    };
  }
}
