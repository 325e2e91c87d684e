import type { Tx } from '@cert-tasks/db';
import type { SignedCheckpoint } from '../../domain/checkpoint.ts';
import { AuditError } from '../../domain/errors.ts';
import type { EntryRows, LogRows } from '../../domain/rederive-tree.ts';
import type { TreeState } from '../../domain/tree-growth.ts';
import { readPositions } from './postgres-log-work.ts';

const PAGE = 1_000;

/** The log's rows for checking, in a transaction that MUST be of the isolation repeatable read. */
export async function readLogRows(tx: Tx): Promise<LogRows> {
  const { sql } = tx;
  const [tree] = await sql<TreeState[]>`select size, range from tree_state where singleton`;
  if (tree === undefined) throw new AuditError('log-damaged', 'The state of the tree is missing in the database.');
  const [counts] = await sql<{ tiles: bigint }[]>`select count(*) as tiles from tiles`;
  return {
    tree,
    tileCount: counts?.tiles ?? 0n,
    positions: await readPositions(tx),
    entries: readEntries(tx),
    checkpoints: readCheckpoints(tx),
    tile: async ({ level, index }) => {
      const rows = await sql<{ hashes: Uint8Array; root: Uint8Array }[]>`
        select hashes, root from tiles where level = ${level} and index = ${index}`;
      return rows[0];
    },
  };
}

interface CheckedRow {
  readonly index: bigint;
  readonly source: string;
  readonly number: bigint;
  readonly eventId: string;
  readonly project: string;
  readonly leafData: Uint8Array;
  readonly problem: string | null;
  readonly raw: Uint8Array | null;
  readonly canonicalEvent: string | null;
  readonly salt: Uint8Array;
  readonly bodyProject: string;
  readonly bodySource: string;
  readonly type: string;
  readonly actorKind: string;
  readonly actor: string;
  readonly subject: string;
  readonly action: string;
  readonly result: string;
  readonly time: Date;
}

async function* readEntries({ sql }: Tx): AsyncGenerator<EntryRows, void, void> {
  for (let after = -1n; ; ) {
    const rows = await sql<CheckedRow[]>`
      select e.index, e.source, e.number, e.event_id as "eventId", e.project, e.leaf_data as "leafData", e.problem,
        r.raw, b.canonical_event as "canonicalEvent", b.salt, b.project as "bodyProject", b.source as "bodySource", b.type,
        b.actor_kind as "actorKind", b.actor, b.subject, b.action, b.result, b.time
      from entries e
      left join bodies b on b.index = e.index
      left join raw_bodies r on r.index = e.index
      where e.index > ${after}
      order by e.index
      limit ${PAGE}`;
    for (const row of rows) yield entryRows(row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.index;
  }
}

function entryRows(row: CheckedRow): EntryRows {
  const { index, source, number, eventId, project, leafData, problem, raw, canonicalEvent } = row;
  const { salt, bodyProject, bodySource, type, actorKind, actor, subject, action, result, time } = row;
  const columns = { project: bodyProject, source: bodySource, type, actorKind, actor, subject, action, result, time };
  return {
    index,
    source,
    number,
    eventId,
    project,
    leafData,
    problem: problem ?? undefined,
    body: canonicalEvent === null ? undefined : { ...columns, canonicalEvent, salt },
    raw: raw ?? undefined,
  };
}

async function* readCheckpoints({ sql }: Tx): AsyncGenerator<SignedCheckpoint, void, void> {
  for (let after = -1n; ; ) {
    const rows = await sql<SignedCheckpoint[]>`
      select tree_size as size, root_hash as root, origin, signed_note as "signedNote", verifier_key as "verifierKey"
      from checkpoints where tree_size > ${after} order by tree_size limit ${PAGE}`;
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.size;
  }
}
