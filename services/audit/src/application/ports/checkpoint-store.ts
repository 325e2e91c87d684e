import type { PublishedCheckpoint, SignedCheckpoint } from '../../domain/checkpoint.ts';
import type { WriteRight } from './log-work.ts';

/** The checkpoints that were published: added, never changed, never removed. */
export interface CheckpointStore {
  /** The one of the greatest size. */
  latest(): Promise<PublishedCheckpoint | undefined>;
  /** The one of this size. */
  find(size: bigint): Promise<PublishedCheckpoint | undefined>;
  /**
   * Publishes; a size that was published already is vouched for anew. Ends a hold.
   *
   * @throws DbError `lease-lost`; AuditError `bad-checkpoint-signature` where another checkpoint of that size is there.
   */
  publish(right: WriteRight, checkpoint: SignedCheckpoint): Promise<void>;
  /** Holds up the log on all replicas. @throws DbError `lease-lost`. */
  hold(right: WriteRight, reason: string): Promise<void>;
}
