import type { Sql } from 'postgres';

/**
 * What a platform at rest keeps writing by itself: leases are renewed, loops note where they stand, and the audit log takes up what was told and has
 * it witnessed. Nothing of it is a caller's.
 */
const BOOKKEEPING: ReadonlySet<string> = new Set([
  'cert.leases',
  'signer.leases',
  'task.leases',
  'audit.leases',
  'cert.outbox_state',
  'signer.outbox_state',
  'task.outbox_state',
  'audit.outbox_state',
  'cert.reconciliation',
  'audit.positions',
  'audit.tree_state',
  'audit.checkpoint_state',
]);

/** What grows with each event: the outboxes, who has read them, their log, and its checkpoints. */
const EVENTS: ReadonlySet<string> = new Set([
  'cert.outbox',
  'signer.outbox',
  'task.outbox',
  'audit.outbox',
  'cert.outbox_consumers',
  'signer.outbox_consumers',
  'task.outbox_consumers',
  'audit.outbox_consumers',
  'audit.entries',
  'audit.bodies',
  'audit.tiles',
  'audit.checkpoints',
  'signer.checkpoint_ledger',
]);

/** One table: how many rows, and a digest of all that they say. */
export interface TableState {
  readonly rows: bigint;
  readonly digest: string;
}

/** Every table of the four schemas, by `schema.table`. */
export type Snapshot = ReadonlyMap<string, TableState>;

/** Reads every table of the four schemas in one snapshot of the database, those of a later version too. */
export async function takeSnapshot(sql: Sql): Promise<Snapshot> {
  return sql.begin('isolation level repeatable read read only', async (tx) => {
    const tables = await tx<{ name: string }[]>`
      select table_schema || '.' || table_name as name from information_schema.tables
      where table_schema in ('cert', 'signer', 'task', 'audit') and table_type = 'BASE TABLE' order by 1`;
    const states = new Map<string, TableState>();
    for (const { name } of tables) {
      const [state] = await tx<{ rows: string; digest: string }[]>`
        select count(*)::text as rows, coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') as digest
        from ${tx(name)} t`;
      states.set(name, { rows: BigInt(state?.rows ?? 0), digest: state?.digest ?? '' });
    }
    return states;
  });
}

/** Lines for what differs where nothing may: every row of every table but what events and loops write; of loops' tables the number of rows. */
export function differences(before: Snapshot, after: Snapshot): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].toSorted().flatMap((name) => {
    const was = before.get(name);
    const is = after.get(name);
    if (EVENTS.has(name)) return [];
    if (was?.rows !== is?.rows) return [`${name}: ${was?.rows} rows became ${is?.rows}`];
    if (was?.digest !== is?.digest && !BOOKKEEPING.has(name)) return [`${name}: a row was changed`];
    return [];
  });
}

/** By how many rows a table has grown. */
export function growth(name: string, { before, after }: { before: Snapshot; after: Snapshot }): bigint {
  return (after.get(name)?.rows ?? 0n) - (before.get(name)?.rows ?? 0n);
}

/** The names that are exempt, so that a test can see that each is still a table. */
export function exemptTables(): readonly string[] {
  return [...BOOKKEEPING, ...EVENTS];
}
