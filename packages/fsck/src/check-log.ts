import type { Breach } from './breach.ts';
import type { CheckInput, Snapshot } from './check.ts';
import { SOURCES } from './check-events.ts';

const MAX_NAMED = 100;

/** The log holds what its sources told, all of it and nothing else (DESIGN 3.3), and its checkpoints are signer's (3.5). */
export async function* checkLog({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  for (const source of SOURCES) yield* checkSource(sql, { ...source, settleSeconds });
  yield* checkWitness(sql);
  yield* checkConflicts(sql);
}

async function* checkSource(
  sql: Snapshot,
  { source, schema, settleSeconds }: { source: string; schema: string; settleSeconds: number },
): AsyncIterable<Breach> {
  const subject = `source ${source}`;
  const outbox = sql(`${schema}.outbox`);
  // Whoever has stamped nothing yet has no row.
  const [state] = await sql<{ last: bigint; position: bigint }[]>`
    select coalesce((select last_number from ${sql(`${schema}.outbox_state`)}), 0) as last,
      coalesce((select number from audit.positions where source = ${source}), 0) as position`;
  const { last, position } = state ?? { last: 0n, position: 0n };
  if (position > last) {
    const detail = `the log has number ${position}, the source has given out ${last}`;
    yield { invariant: 'log-ahead', subject, detail };
  }
  const [late] = await sql<{ count: bigint }[]>`
    select count(*) as count from ${outbox}
    where number > ${position} and created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second'`;
  if (late !== undefined && late.count > 0n) {
    yield { invariant: 'log-behind', subject, detail: `${late.count} events after ${position} are not in the log` };
  }
  const differing = await sql<{ number: bigint }[]>`
    select o.number from ${outbox} o join audit.entries e on e.source = ${source} and e.number = o.number
    where e.problem is null and e.event_id <> o.event_id order by o.number limit ${MAX_NAMED}`;
  for (const { number } of differing) {
    const detail = 'the log has another event than the source';
    yield { invariant: 'log-other-event', subject: `${subject} number ${number}`, detail };
  }
}

async function* checkWitness(sql: Snapshot): AsyncIterable<Breach> {
  const unknown = await sql<{ size: bigint }[]>`
    select c.tree_size as size from audit.checkpoints c
    where not exists (
      select from signer.checkpoint_ledger l where l.tree_size = c.tree_size and l.root_hash = c.root_hash
    )
    order by c.tree_size limit ${MAX_NAMED}`;
  for (const { size } of unknown) {
    yield {
      invariant: 'checkpoint-unwitnessed',
      subject: `checkpoint of ${size}`,
      detail: 'signer has no record of it',
    };
  }
}

async function* checkConflicts(sql: Snapshot): AsyncIterable<Breach> {
  const rows = await sql<{ kind: string; source: string; number: bigint }[]>`
    select kind, source, number from audit.conflicts order by id limit ${MAX_NAMED}`;
  for (const { kind, source, number } of rows) {
    yield {
      invariant: 'log-conflict',
      subject: `source ${source} number ${number}`,
      detail: `a second story was told (${kind})`,
    };
  }
}
