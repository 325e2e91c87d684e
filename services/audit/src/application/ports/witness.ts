import type { CheckpointSignature, LogKey, TreeHead } from '../../domain/checkpoint.ts';

/** signer, the log's first witness, which signs only what appends to the last it signed. */
export interface Witness {
  /**
   * The log's key, made where there is none yet.
   *
   * @throws AuditError `witness-unavailable`, `checkpoint-refused`.
   */
  logKey(): Promise<LogKey>;
  /**
   * Signs a head, given the consistency proof from the size last signed.
   *
   * @throws AuditError `checkpoint-fork` with the last size signed as `signed_size` in its metadata;
   * `checkpoint-refused`, `witness-unavailable`.
   */
  sign(request: {
    readonly head: TreeHead;
    readonly oldSize: bigint;
    readonly consistencyProof: readonly Uint8Array[];
  }): Promise<CheckpointSignature>;
}
