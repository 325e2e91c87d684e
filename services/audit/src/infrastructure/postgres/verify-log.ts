import type { Database } from '@cert-tasks/db';
import type { LogKey } from '../../domain/checkpoint.ts';
import { type LogBreach, rederiveTree } from '../../domain/rederive-tree.ts';
import { readLogRows } from './read-log-rows.ts';

/** Most breaches that are told: a log that was changed throughout has millions. */
const MAX_BREACHES = 1_000;

/**
 * Derives the tree again from the rows of one moment and tells what does not fit together: for fsck. `db` may be of any role
 * that can read the schema `audit`; the service may be running. Without breaches, the result is empty.
 *
 * @throws DbError (as rejection) where the database cannot be read.
 */
export async function verifyLog(db: Database, key?: LogKey): Promise<readonly LogBreach[]> {
  return await db.transaction(
    'audit.verify',
    async (tx) => {
      const breaches: LogBreach[] = [];
      for await (const breach of rederiveTree(await readLogRows(tx), key)) {
        breaches.push(breach);
        if (breaches.length === MAX_BREACHES) break;
      }
      return breaches;
    },
    { isolation: 'repeatable read' },
  );
}
