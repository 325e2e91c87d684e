import type { SignedCheckpoint } from '../../domain/checkpoint.ts';

/** The checkpoints that keys signed: inserted, never changed, never deleted. */
export interface CheckpointLedger {
  /** The last checkpoint that the key signed. */
  last(keyId: string): Promise<SignedCheckpoint | undefined>;
  /** Call it with the key's row locked. */
  insert(keyId: string, checkpoint: SignedCheckpoint): Promise<void>;
}
