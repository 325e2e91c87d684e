import { assertLease, type Database, type LeaseTable } from '@cert-tasks/db';
import type { CheckpointStore } from '../../application/ports/checkpoint-store.ts';
import type { WriteRight } from '../../application/ports/log-work.ts';
import type { PublishedCheckpoint, SignedCheckpoint } from '../../domain/checkpoint.ts';
import { AuditError } from '../../domain/errors.ts';

/** What {@link PostgresCheckpointStore} works with. */
export interface PostgresCheckpointStoreOptions {
  readonly db: Database;
  readonly leases: LeaseTable;
  /** Name of the lease of whoever publishes. */
  readonly leaseName: string;
}

/** The published checkpoints in PostgreSQL. */
export class PostgresCheckpointStore implements CheckpointStore {
  readonly #options: PostgresCheckpointStoreOptions;

  constructor(options: PostgresCheckpointStoreOptions) {
    this.#options = options;
  }

  async latest(): Promise<PublishedCheckpoint | undefined> {
    const rows = await this.#options.db.query(
      'audit.latest-checkpoint',
      ({ sql }) => sql<PublishedCheckpoint[]>`
        select c.tree_size as size, c.root_hash as root, c.origin, c.signed_note as "signedNote",
          c.verifier_key as "verifierKey", coalesce(s.vouched_at, c.signed_at) as "signedAt"
        from checkpoints c left join checkpoint_state s on s.tree_size = c.tree_size
        order by c.tree_size desc limit 1`,
    );
    return rows[0];
  }

  async find(size: bigint): Promise<PublishedCheckpoint | undefined> {
    const rows = await this.#options.db.query(
      'audit.find-checkpoint',
      ({ sql }) => sql<PublishedCheckpoint[]>`
        select c.tree_size as size, c.root_hash as root, c.origin, c.signed_note as "signedNote",
          c.verifier_key as "verifierKey", coalesce(s.vouched_at, c.signed_at) as "signedAt"
        from checkpoints c left join checkpoint_state s on s.tree_size = c.tree_size
        where c.tree_size = ${size}`,
    );
    return rows[0];
  }

  async publish({ fence }: WriteRight, checkpoint: SignedCheckpoint): Promise<void> {
    const { db, leases, leaseName } = this.#options;
    const { size, root, origin, signedNote, verifierKey } = checkpoint;
    await db.transaction('audit.publish-checkpoint', async (tx) => {
      const { sql } = tx;
      await assertLease(tx, { table: leases, name: leaseName, fence });
      await sql`
        insert into checkpoints (tree_size, root_hash, origin, signed_note, verifier_key, signed_at)
        values (${size}, ${root}, ${origin}, ${signedNote}, ${verifierKey}, clock_timestamp())
        on conflict (tree_size) do nothing`;
      const [stands] = await sql<{ note: string }[]>`
        select signed_note as note from checkpoints where tree_size = ${size}`;
      if (stands?.note !== signedNote) throw anotherStands(size);
      await sql`
        insert into checkpoint_state (tree_size, vouched_at) values (${size}, clock_timestamp())
        on conflict (singleton) do update set tree_size = excluded.tree_size, vouched_at = excluded.vouched_at`;
      await sql`update tree_state set held_reason = null, held_at = null where singleton and held_reason is not null`;
    });
  }

  async hold({ fence }: WriteRight, reason: string): Promise<void> {
    const { db, leases, leaseName } = this.#options;
    await db.transaction('audit.hold', async (tx) => {
      await assertLease(tx, { table: leases, name: leaseName, fence });
      await tx.sql`
        update tree_state set held_reason = ${reason}, held_at = clock_timestamp()
        where singleton and held_reason is distinct from ${reason}`;
    });
  }
}

function anotherStands(size: bigint): AuditError {
  return new AuditError(
    'bad-checkpoint-signature',
    `The database has another checkpoint of ${size} entries than the one that signer signed.`,
    { advice: 'Run bin/cert-tasks fsck: somebody changed the table of checkpoints.' },
  );
}
