import postgres from 'postgres';
import type { Breach } from './breach.ts';
import type { Check, CheckInput, Snapshot } from './check.ts';
import { checkCertificates } from './check-certificates.ts';
import { checkCrls } from './check-crls.ts';
import { checkEvents } from './check-events.ts';
import { checkKeys } from './check-keys.ts';
import { checkLedger } from './check-ledger.ts';
import { checkLog } from './check-log.ts';
import { checkTasks } from './check-tasks.ts';

/** In the order in which they are told. */
const CHECKS: readonly { readonly name: string; readonly check: Check }[] = [
  { name: 'keys at rest', check: checkKeys },
  { name: 'ledger and its signatures', check: checkLedger },
  { name: 'certificates and intents', check: checkCertificates },
  { name: 'revocations and CRLs', check: checkCrls },
  { name: 'events of every source', check: checkEvents },
  { name: 'tasks and their histories', check: checkTasks },
  { name: 'audit log and checkpoints', check: checkLog },
];

/** A line for each breach is enough to act on; beyond this many the rest is counted. */
const MAX_BREACHES = 1000;

/**
 * Checks every invariant across all services in one snapshot of the database, reading only.
 *
 * @returns what does not hold; empty where all does. At most 1,000, the last of which says that there are more.
 */
export async function fsck(
  input: CheckInput & { readonly onCheck: (line: string) => void },
): Promise<readonly Breach[]> {
  const breaches: Breach[] = [];
  for (const { name, check } of CHECKS) {
    input.onCheck(`checking ${name}`);
    for await (const breach of check(input)) {
      if (breaches.length >= MAX_BREACHES) {
        breaches.push({
          invariant: 'more',
          subject: name,
          detail: `more than ${MAX_BREACHES} breaches; mend these first`,
        });
        return breaches;
      }
      breaches.push(breach);
    }
  }
  return breaches;
}

/** Runs on a read-only snapshot of a database whose role reads all four schemas. @throws the driver's error. */
export async function withDatabase<T>(databaseUrl: string, run: (sql: Snapshot) => Promise<T>): Promise<T> {
  const sql = postgres(databaseUrl, {
    max: 1,
    connect_timeout: 10,
    types: { bigint: postgres.BigInt },
    connection: { application_name: 'cert-tasks-fsck' },
    onnotice: () => undefined,
  });
  try {
    const outcome = await sql.begin('isolation level repeatable read read only', async (tx) => ({
      value: await run(tx),
    }));
    return outcome.value;
  } finally {
    await sql.end();
  }
}
