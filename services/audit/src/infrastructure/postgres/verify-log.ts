import type { Database } from '@cert-tasks/db';
import { type LogBreach, rederiveTree, type Witnesses } from '../../domain/rederive-tree.ts';
import { readLogRows } from './read-log-rows.ts';

/** Most breaches that are told: a log that was changed throughout has millions. */
const MAX_BREACHES = 1_000;

/**
 * Derives the tree again from the rows of one moment and tells what does not fit together: for fsck. `db` may be of any role
 * that can read the schema `audit`; the service may be running. Without breaches, the result is empty; more than 1,000 are
 * not told.
 *
 * @throws DbError (as rejection) where the database cannot be read.
 */
export async function verifyLog(db: Database, witnesses: Witnesses = {}): Promise<readonly LogBreach[]> {
  return await db.transaction(
    'audit.verify',
    async (tx) => {
      await tx.sql`set transaction read only`;
      const breaches: LogBreach[] = [];
      for await (const breach of rederiveTree(await readLogRows(tx), witnesses)) {
        breaches.push(breach);
        if (breaches.length === MAX_BREACHES) break;
      }
      return breaches;
    },
    { isolation: 'repeatable read' },
  );
}
