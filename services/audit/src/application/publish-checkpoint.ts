import { failpoint } from '@cert-tasks/failpoint';
import { buildConsistencyProof, nodesFromTiles } from '@cert-tasks/merkle';
import {
  type CheckpointSignature,
  type SignedCheckpoint,
  signedCheckpoint,
  type TreeHead,
} from '../domain/checkpoint.ts';
import { AuditError } from '../domain/errors.ts';
import { treeRange } from '../domain/tree-growth.ts';
import type { CheckpointStore } from './ports/checkpoint-store.ts';
import type { LogReader } from './ports/log-reader.ts';
import type { WriteRight } from './ports/log-work.ts';
import type { Witness } from './ports/witness.ts';

/** What {@link publishCheckpoint} works with. */
export interface PublishCheckpointDependencies {
  readonly log: Pick<LogReader, 'tree' | 'tiles'>;
  readonly checkpoints: CheckpointStore;
  readonly witness: Witness;
}

/** The witness may have signed for another replica, or for this one before it died, a few times at most. */
const MAX_ATTEMPTS = 5;

/**
 * Has the tree as it stands witnessed and signed, and publishes the checkpoint. One that was published already is vouched
 * for anew.
 *
 * @throws AuditError `checkpoint-fork`: the witness does not accept this tree as a continuation of what it signed; the log is
 * then held until it does. `checkpoint-refused`, `witness-unavailable`, `bad-checkpoint-signature`; what the stores throw.
 */
export async function publishCheckpoint(
  { log, checkpoints, witness }: PublishCheckpointDependencies,
  right: WriteRight,
): Promise<SignedCheckpoint> {
  // 1. The key first: without one there is nothing to ask.
  const key = await witness.logKey();

  // 2. Witnessed as a continuation of what was signed last.
  const latest = await checkpoints.latest();
  const { head, signature } = await holdingOnFork(
    () => haveWitnessed({ log, witness }, latest?.size ?? 0n),
    (reason) => checkpoints.hold(right, reason),
  );
  failpoint('audit.checkpoint.after-sign');

  // 3. Verified and stored. A crash before leaves the witness ahead: the next attempt gets the same signature, or proves
  // its larger tree from the size that the witness names.
  const checkpoint = signedCheckpoint(key, head, signature);
  await checkpoints.publish(right, checkpoint);
  failpoint('audit.checkpoint.after-commit');
  return checkpoint;
}

async function haveWitnessed(
  { log, witness }: Pick<PublishCheckpointDependencies, 'log' | 'witness'>,
  publishedSize: bigint,
): Promise<{ readonly head: TreeHead; readonly signature: CheckpointSignature }> {
  let oldSize = publishedSize;
  for (let attempt = 1; ; attempt++) {
    // Read anew in every attempt: another replica may have had a larger tree signed than this one knew of.
    const tree = await log.tree();
    const head = { size: tree.size, root: treeRange(tree).root() };
    if (oldSize > head.size) throw logBehindWitness({ signedSize: oldSize, size: head.size });
    const consistencyProof = await proofBetween(log, { oldSize, newSize: head.size });
    try {
      return { head, signature: await witness.sign({ head, oldSize, consistencyProof }) };
    } catch (error) {
      const signedSize = signedSizeOf(error);
      // The proof did start from what it signed, or leads back to what it signed: it refuses the tree, not the proof's start.
      if (signedSize === undefined || signedSize === oldSize || signedSize === head.size) throw error;
      if (attempt === MAX_ATTEMPTS) throw error;
      oldSize = signedSize;
    }
  }
}

async function proofBetween(
  log: Pick<LogReader, 'tiles'>,
  { oldSize, newSize }: { oldSize: bigint; newSize: bigint },
): Promise<readonly Uint8Array[]> {
  if (oldSize === 0n || oldSize === newSize) return [];
  const getNodes = nodesFromTiles({ size: newSize, getTiles: log.tiles });
  return await buildConsistencyProof({ size1: oldSize, size2: newSize, getNodes });
}

async function holdingOnFork<T>(witness: () => Promise<T>, hold: (reason: string) => Promise<void>): Promise<T> {
  try {
    return await witness();
  } catch (error) {
    if (error instanceof AuditError && error.code === 'checkpoint-fork') await hold(error.message);
    throw error;
  }
}

function signedSizeOf(error: unknown): bigint | undefined {
  if (!(error instanceof AuditError) || error.code !== 'checkpoint-fork') return undefined;
  const text = error.metadata?.['signed_size'] ?? '';
  return /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

function logBehindWitness({ signedSize, size }: { signedSize: bigint; size: bigint }): AuditError {
  return new AuditError(
    'checkpoint-fork',
    `Signer has signed a checkpoint of ${signedSize} entries, but the log has ${size}: it is older than its witness.`,
    {
      advice: 'Was the database restored? Follow docs/adr/0009-restore.md, "audit older than the others".',
      metadata: { signed_size: signedSize.toString() },
    },
  );
}
