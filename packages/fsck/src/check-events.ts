import type { Breach } from './breach.ts';
import type { CheckInput } from './check.ts';

/** The sources of the platform with the schemas of their outboxes. */
export const SOURCES = [
  { source: 'cert', schema: 'cert' },
  { source: 'signer', schema: 'signer' },
  { source: 'task-scheduler', schema: 'task' },
  { source: 'audit', schema: 'audit' },
] as const;

/** No event is lost, doubled or reordered within its source (DESIGN 3.3): numbers without gaps, all stamped, none doubled. */
export async function* checkEvents({ sql, settleSeconds }: CheckInput): AsyncIterable<Breach> {
  for (const { source, schema } of SOURCES) {
    const outbox = sql(`${schema}.outbox`);
    const [state] = await sql<{ last: bigint; pruned: bigint }[]>`
      select last_number as last, pruned_number as pruned from ${sql(`${schema}.outbox_state`)}`;
    const [counted] = await sql<{ count: bigint; least: bigint | null; greatest: bigint | null; unstamped: bigint }[]>`
      select count(number) as count, min(number) as least, max(number) as greatest,
        count(*) filter (where number is null and created_at <= clock_timestamp() - ${settleSeconds}::int * interval '1 second') as unstamped
      from ${outbox}`;
    const { last, pruned } = state ?? { last: 0n, pruned: 0n };
    const { count, least, greatest, unstamped } = counted ?? { count: 0n, least: null, greatest: null, unstamped: 0n };
    const expected = last - pruned;
    if (count !== expected || (count > 0n && (least !== pruned + 1n || greatest !== last))) {
      yield {
        invariant: 'event-numbers',
        subject: `source ${source}`,
        detail: `${count} events numbered ${least ?? '-'} to ${greatest ?? '-'}; ${expected} from ${pruned + 1n} to ${last} should be there`,
      };
    }
    if (unstamped > 0n) {
      yield {
        invariant: 'event-unstamped',
        subject: `source ${source}`,
        detail: `${unstamped} committed events have no number yet`,
      };
    }
  }
}
