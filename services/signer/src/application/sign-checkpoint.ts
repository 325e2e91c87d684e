import { failpoint } from '@cert-tasks/failpoint';
import { bytesEqual } from '@cert-tasks/kernel';
import { emptyRoot, formatCheckpoint, MerkleError, verifyConsistency } from '@cert-tasks/merkle';
import {
  checkpointFork,
  decideCheckpoint,
  type ProposedCheckpoint,
  type SignedCheckpoint,
} from '../domain/checkpoint.ts';
import { SignerError } from '../domain/errors.ts';
import type { Key, KeyName } from '../domain/key.ts';
import { keyDisabled, keyNotFound } from '../domain/key-errors.ts';
import type { OpenedKeys } from './opened-keys.ts';
import type { OpenedKey } from './ports/key-backend.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** What {@link signCheckpoint} works with. */
export interface SignCheckpointDependencies {
  readonly work: UnitOfWork;
  readonly openedKeys: OpenedKeys;
}

/** A checkpoint to be witnessed and signed. */
export interface SignCheckpointInput {
  readonly keyName: KeyName;
  readonly proposed: ProposedCheckpoint;
}

interface CheckpointSigner {
  readonly key: Key;
  readonly origin: string;
  readonly opened: OpenedKey;
}

/**
 * Signs a checkpoint as its log's first witness: only what appends to the last one that the key signed. Of two that race,
 * the second is judged by the first. The same size and root answers with the first signature.
 *
 * @throws SignerError `key-not-found`, `key-disabled`, `outside-key-policy` (a key of another purpose),
 * `invalid-argument` (root of an empty tree), `checkpoint-fork`.
 */
export async function signCheckpoint(
  { work, openedKeys }: SignCheckpointDependencies,
  { keyName, proposed }: SignCheckpointInput,
): Promise<SignedCheckpoint> {
  const signer = await findSigner(openedKeys, keyName);
  checkEmptyTree(proposed);
  failpoint('signer.checkpoint.before-ledger');
  const checkpoint = await work.transaction('sign-checkpoint', async (stores) => {
    // 1. The key's row is the lock: checkpoints of one key follow one another, and none follows its disabling.
    const locked = await stores.keys.lock(keyName);
    if (locked === undefined) throw keyNotFound('key');
    if (locked.state === 'disabled') throw keyDisabled('key');

    // 2. The last row is the witness's memory.
    const decision = decideCheckpoint(await stores.checkpoints.last(signer.key.id), proposed);
    if (decision.kind === 'repeat') return decision.checkpoint;
    if (decision.from !== undefined) verifyAppendOnly(decision.from, proposed);

    // 3. Signed, recorded; released by the commit.
    const signed = await sign(signer, proposed);
    await stores.checkpoints.insert(signer.key.id, signed);
    return signed;
  });
  failpoint('signer.checkpoint.after-ledger');
  return checkpoint;
}

async function findSigner(openedKeys: OpenedKeys, keyName: KeyName): Promise<CheckpointSigner> {
  const lookup = await openedKeys.getOne(keyName);
  if (lookup.state === 'failed') throw lookup.error;
  if (lookup.state === 'missing') throw keyNotFound('key');
  const { key } = lookup;
  if (key.policy.purpose !== 'log-checkpoint') {
    throw new SignerError('outside-key-policy', 'This key signs certificates and CRLs only.', {
      field: 'key',
      metadata: { rule: 'purpose' },
    });
  }
  if (lookup.state === 'disabled') throw keyDisabled('key');
  return { key, origin: key.policy.origin, opened: lookup.opened };
}

/** RFC 6962, 2.1: the root of no leaves is one certain hash, which no proof would show. */
function checkEmptyTree({ treeSize, rootHash }: ProposedCheckpoint): void {
  if (treeSize > 0n || bytesEqual(rootHash, emptyRoot())) return;
  throw new SignerError('invalid-argument', 'The root of an empty tree is the SHA-256 of nothing.', {
    field: 'root_hash',
  });
}

function verifyAppendOnly(from: SignedCheckpoint, proposed: ProposedCheckpoint): void {
  try {
    verifyConsistency({
      size1: from.treeSize,
      size2: proposed.treeSize,
      root1: from.rootHash,
      root2: proposed.rootHash,
      proof: proposed.consistencyProof,
    });
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    throw checkpointFork(from.treeSize, 'The proof does not show that the tree only grew.', cause);
  }
}

async function sign({ origin, opened }: CheckpointSigner, proposed: ProposedCheckpoint): Promise<SignedCheckpoint> {
  const { treeSize, rootHash } = proposed;
  const noteBody = formatCheckpoint({ origin, size: treeSize, root: rootHash });
  const signature = await opened.sign(new TextEncoder().encode(noteBody));
  return { treeSize, rootHash, noteBody, signature };
}
