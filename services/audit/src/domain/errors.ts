import { AppError } from '@cert-tasks/kernel';

/**
 * Why the log did not do what it was asked.
 *
 * - `entry-not-found`: the project has no entry of this id.
 * - `not-yet-checkpointed`: there is no checkpoint that covers the entry, or none at all, yet.
 * - `invalid-tree-size`: a size that no checkpoint has, or sizes that do not fit together.
 * - `checkpoint-fork`: signer, the log's witness, does not accept this tree as a continuation of what it signed.
 * - `checkpoint-refused`: signer cannot sign checkpoints of this log: the key is disabled or made for another origin.
 * - `bad-checkpoint-signature`: what signer answered is no valid checkpoint of this tree.
 * - `witness-unavailable`: signer cannot be reached or failed.
 * - `feed-unavailable`: a source's feed cannot be reached or failed.
 * - `feed-broken`: a source's feed breaks its contract: numbers out of order, or events that are gone.
 * - `log-held`: sequencing is held because of a fork that was found.
 * - `log-damaged`: the stored tree contradicts itself; see `fsck`.
 */
export type AuditErrorCode =
  | 'entry-not-found'
  | 'not-yet-checkpointed'
  | 'invalid-tree-size'
  | 'checkpoint-fork'
  | 'checkpoint-refused'
  | 'bad-checkpoint-signature'
  | 'witness-unavailable'
  | 'feed-unavailable'
  | 'feed-broken'
  | 'log-held'
  | 'log-damaged';

/** Raised by the audit service. */
export class AuditError extends AppError<AuditErrorCode> {}
