import { buildInclusionProof, formatTlogProof, nodesFromTiles } from '@cert-tasks/merkle';
import type { PublishedCheckpoint } from '../domain/checkpoint.ts';
import type { StoredEntry } from '../domain/entry-query.ts';
import { AuditError } from '../domain/errors.ts';
import { CHECKPOINT_WAIT_MS, getCheckpoint } from './get-checkpoint.ts';
import { getEntry } from './get-entry.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';
import type { LogReader } from './ports/log-reader.ts';

/** What {@link proveInclusion} works with. */
export interface ProveInclusionDependencies {
  readonly log: Pick<LogReader, 'find' | 'tiles'>;
  readonly checkpoints: Pick<CheckpointStore, 'latest' | 'find'>;
}

/** The proof that an entry stands in a checkpoint's tree. */
export interface InclusionProof {
  readonly entry: StoredEntry;
  readonly checkpoint: PublishedCheckpoint;
  /** The audit path, from the leaf up (RFC 6962, 2.1.1). */
  readonly hashes: readonly Uint8Array[];
  /** All of it as one text file (C2SP tlog-proof). */
  readonly tlogProof: string;
}

/**
 * Proves that an entry is in the tree of a checkpoint: of that size, or of the latest where the size is 0.
 *
 * @throws AuditError `entry-not-found`, `not-yet-checkpointed`, `invalid-tree-size`.
 */
export async function proveInclusion(
  { log, checkpoints }: ProveInclusionDependencies,
  request: { readonly project: string; readonly eventId: string; readonly treeSize: bigint },
): Promise<InclusionProof> {
  const entry = await getEntry(log, request);
  const { index } = entry;
  const checkpoint =
    request.treeSize === 0n
      ? await latestOver(checkpoints, index)
      : await findOver(checkpoints, request.treeSize, index);
  const { size } = checkpoint;
  const getNodes = nodesFromTiles({ size, getTiles: log.tiles });
  const hashes = await buildInclusionProof({ index, size, getNodes });
  const tlogProof = formatTlogProof({ index, proof: hashes, checkpoint: checkpoint.signedNote });
  return { entry, checkpoint, hashes, tlogProof };
}

async function latestOver(checkpoints: Pick<CheckpointStore, 'latest'>, index: bigint): Promise<PublishedCheckpoint> {
  const latest = await getCheckpoint(checkpoints);
  if (index < latest.size) return latest;
  throw new AuditError('not-yet-checkpointed', 'The entry is younger than the latest checkpoint.', {
    advice: 'Ask again: checkpoints are a second apart.',
    retryAfterMs: CHECKPOINT_WAIT_MS,
  });
}

async function findOver(
  checkpoints: Pick<CheckpointStore, 'find'>,
  size: bigint,
  index: bigint,
): Promise<PublishedCheckpoint> {
  const checkpoint = await checkpoints.find(size);
  if (checkpoint === undefined) {
    throw new AuditError('invalid-tree-size', 'The log has no checkpoint of this size. 0 asks for the latest.', {
      field: 'tree_size',
    });
  }
  if (index < size) return checkpoint;
  throw new AuditError(
    'invalid-tree-size',
    `The entry is number ${index}: a tree of ${size} entries does not have it.`,
    {
      field: 'tree_size',
    },
  );
}
