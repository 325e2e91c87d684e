import type { Queryable } from '@cert-tasks/db';
import type { CheckpointLedger } from '../../application/ports/checkpoint-ledger.ts';
import type { SignedCheckpoint } from '../../domain/checkpoint.ts';
import { type CheckpointRow, checkpointFromRow } from './rows.ts';

/** Signed checkpoints in the table `checkpoint_ledger`. */
export class PostgresCheckpointLedger implements CheckpointLedger {
  readonly #sql: Queryable['sql'];

  constructor({ sql }: Pick<Queryable, 'sql'>) {
    this.#sql = sql;
  }

  async last(keyId: string): Promise<SignedCheckpoint | undefined> {
    const [row] = await this.#sql<CheckpointRow[]>`
      select tree_size, root_hash, note_body, signature
      from signer.checkpoint_ledger
      where key_id = ${keyId}
      order by tree_size desc
      limit 1`;
    return row && checkpointFromRow(row);
  }

  async insert(keyId: string, { treeSize, rootHash, noteBody, signature }: SignedCheckpoint): Promise<void> {
    await this.#sql`
      insert into signer.checkpoint_ledger (key_id, tree_size, root_hash, note_body, signature)
      values (${keyId}, ${treeSize}, ${rootHash}, ${noteBody}, ${signature})`;
  }
}
