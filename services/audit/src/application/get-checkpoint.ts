import type { PublishedCheckpoint } from '../domain/checkpoint.ts';
import { AuditError } from '../domain/errors.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';

/** When a caller that came too early may ask again: checkpoints are a second apart. */
export const CHECKPOINT_WAIT_MS = 1_000;

/** The latest checkpoint. @throws AuditError `not-yet-checkpointed` while there is none. */
export async function getCheckpoint(checkpoints: Pick<CheckpointStore, 'latest'>): Promise<PublishedCheckpoint> {
  const latest = await checkpoints.latest();
  if (latest !== undefined) return latest;
  throw new AuditError('not-yet-checkpointed', 'The log has no checkpoint yet: signer has not signed the first.', {
    retryAfterMs: CHECKPOINT_WAIT_MS,
  });
}
