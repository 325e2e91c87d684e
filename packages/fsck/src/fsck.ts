import { createDatabase, type Database } from '@cert-tasks/db';
import { createLogger } from '@cert-tasks/telemetry';
import type { Breach } from './breach.ts';
import type { Check, DoorCheck } from './check.ts';
import { checkCertificates } from './check-certificates.ts';
import { checkCompleteness } from './check-completeness.ts';
import { checkCrls } from './check-crls.ts';
import { checkEvents } from './check-events.ts';
import { checkHistories } from './check-histories.ts';
import { checkKeys } from './check-keys.ts';
import { checkLedger } from './check-ledger.ts';
import { checkLog } from './check-log.ts';
import { checkTree } from './check-tree.ts';

/** What concerns several services, in one snapshot; in the order in which it is told. */
const SNAPSHOT_CHECKS: readonly { readonly name: string; readonly check: Check }[] = [
  { name: 'keys at rest', check: checkKeys },
  { name: 'ledger and its signatures', check: checkLedger },
  { name: 'certificates and intents', check: checkCertificates },
  { name: 'revocations and CRLs', check: checkCrls },
  { name: 'events of every source', check: checkEvents },
  { name: 'events of every certificate', check: checkCompleteness },
  { name: 'audit log against its sources and its witness', check: checkLog },
];

/** What a service checks of itself. */
const DOOR_CHECKS: readonly { readonly name: string; readonly check: DoorCheck }[] = [
  { name: 'tasks and their histories', check: checkHistories },
  { name: 'audit log and its tree', check: checkTree },
];

/** A line for each breach is enough to act on; beyond this many the rest is not told. */
const MAX_BREACHES = 1000;
/** Statements read whole tables. */
const STATEMENT_TIMEOUT_MS = 600_000;

/** Options of {@link fsck}. */
export interface FsckOptions {
  /** A role that reads all four schemas. Connects as packages/db does: with TLS to other machines. */
  readonly databaseUrl: string;
  /** What is younger than this many seconds, by the database's clock, may be under way and is left out where that matters. */
  readonly settleSeconds: number;
  /** Is told what is checked next. */
  readonly onCheck: (line: string) => void;
}

/**
 * Checks every invariant across all services, reading only: what concerns several services in one snapshot of the database,
 * what concerns one through that service's own door.
 *
 * @returns what does not hold; empty where all does. At most 1,001, the last of which says that there are more.
 * @throws DbError where the database cannot be read.
 */
export async function fsck({ databaseUrl, settleSeconds, onCheck }: FsckOptions): Promise<readonly Breach[]> {
  const log = createLogger({ service: 'fsck', level: 'silent' });
  const open = (schema: string): Database =>
    createDatabase({
      url: databaseUrl,
      schema,
      applicationName: 'cert-tasks-fsck',
      maxConnections: 1,
      log,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    });
  const databases = { signer: open('signer'), task: open('task'), audit: open('audit') };
  try {
    const found = await databases.signer.transaction(
      'fsck',
      async ({ sql }) => {
        await sql`set transaction read only`;
        const breaches: Breach[] = [];
        for (const { name, check } of SNAPSHOT_CHECKS) {
          onCheck(`checking ${name}`);
          if (!(await collect(breaches, { name, from: check({ sql, settleSeconds }) }))) break;
        }
        return breaches;
      },
      { isolation: 'repeatable read' },
    );
    for (const { name, check } of DOOR_CHECKS) {
      if (found.length > MAX_BREACHES) break;
      onCheck(`checking ${name}`);
      await collect(found, { name, from: check({ databases, settleSeconds }) });
    }
    return found;
  } finally {
    await Promise.all(Object.values(databases).map((database) => database.stop()));
  }
}

/** Returns whether there is room for more. */
async function collect(
  into: Breach[],
  { name, from }: { readonly name: string; readonly from: AsyncIterable<Breach> },
): Promise<boolean> {
  for await (const breach of from) {
    if (into.length >= MAX_BREACHES) {
      const detail = `more than ${MAX_BREACHES} breaches; mend these first`;
      into.push({ invariant: 'more', subject: name, detail });
      return false;
    }
    into.push(breach);
  }
  return true;
}
