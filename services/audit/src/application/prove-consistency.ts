import { buildConsistencyProof, nodesFromTiles } from '@cert-tasks/merkle';
import { AuditError } from '../domain/errors.ts';
import { getCheckpoint } from './get-checkpoint.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';
import type { LogReader } from './ports/log-reader.ts';

/** What {@link proveConsistency} works with. */
export interface ProveConsistencyDependencies {
  readonly log: Pick<LogReader, 'tiles'>;
  readonly checkpoints: Pick<CheckpointStore, 'latest'>;
}

/** The proof that one tree begins with all of another. */
export interface ConsistencyProof {
  /** RFC 6962, 2.1.2. */
  readonly hashes: readonly Uint8Array[];
  readonly newSize: bigint;
}

/**
 * Proves that the tree of `oldSize` is a prefix of the one of `newSize`, or of the latest checkpoint's where that is 0.
 *
 * @throws AuditError `invalid-tree-size`, `not-yet-checkpointed`.
 */
export async function proveConsistency(
  { log, checkpoints }: ProveConsistencyDependencies,
  { oldSize, newSize: askedSize }: { readonly oldSize: bigint; readonly newSize: bigint },
): Promise<ConsistencyProof> {
  const { size: latestSize } = await getCheckpoint(checkpoints);
  const newSize = askedSize === 0n ? latestSize : askedSize;
  if (oldSize === 0n)
    throw invalidSize('Nothing is to be proved from the empty tree: all trees begin with it.', 'old_size');
  if (newSize > latestSize) throw invalidSize(`The latest checkpoint is of ${latestSize} entries.`, 'new_size');
  if (oldSize > newSize) throw invalidSize('The old size must not be above the new one.', 'old_size');
  const getNodes = nodesFromTiles({ size: newSize, getTiles: log.tiles });
  return { hashes: await buildConsistencyProof({ size1: oldSize, size2: newSize, getNodes }), newSize };
}

function invalidSize(message: string, field: string): AuditError {
  return new AuditError('invalid-tree-size', message, { field });
}
