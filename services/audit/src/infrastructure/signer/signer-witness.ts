import { KeyAlgorithm, KeyPurpose, type KeyService, type SigningService } from '@cert-tasks/contracts/signer/v1';
import { type GrpcClient, RpcError } from '@cert-tasks/rpc';
import type { Witness } from '../../application/ports/witness.ts';
import { type CheckpointSignature, ed25519PublicKey, type LogKey, type TreeHead } from '../../domain/checkpoint.ts';
import { AuditError } from '../../domain/errors.ts';

/** The log's key in signer. */
const PARENT = 'projects/system';
const KEY_ID = 'audit-log';
const KEY_NAME = `${PARENT}/keys/${KEY_ID}`;
/** Fixed, so that replicas which start together make one key. */
const CREATE_REQUEST_ID = 'audit-log-key';
const UNAVAILABLE = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'CANCELLED', 'ABORTED', 'RESOURCE_EXHAUSTED']);

/** What {@link SignerWitness} works with. */
export interface SignerWitnessOptions {
  readonly keys: Pick<GrpcClient<typeof KeyService>, 'getKey' | 'createKey'>;
  readonly signing: Pick<GrpcClient<typeof SigningService>, 'signCheckpoint'>;
  readonly origin: string;
}

/** signer as the log's witness. */
export class SignerWitness implements Witness {
  readonly #options: SignerWitnessOptions;
  #key: LogKey | undefined;

  constructor(options: SignerWitnessOptions) {
    this.#options = options;
  }

  async logKey(): Promise<LogKey> {
    // A key never changes under its name.
    this.#key ??= await this.#findOrMakeKey();
    return this.#key;
  }

  async sign(request: {
    readonly head: TreeHead;
    readonly oldSize: bigint;
    readonly consistencyProof: readonly Uint8Array[];
  }): Promise<CheckpointSignature> {
    const { head, oldSize, consistencyProof } = request;
    try {
      const { noteBody, signature } = await this.#options.signing.signCheckpoint({
        key: KEY_NAME,
        treeSize: head.size,
        rootHash: head.root,
        oldSize,
        consistencyProof: [...consistencyProof],
      });
      return { noteBody, signature };
    } catch (error) {
      throw witnessError(error);
    }
  }

  async #findOrMakeKey(): Promise<LogKey> {
    const { keys, origin } = this.#options;
    try {
      const key = await this.#findKey();
      if (key !== undefined) return key;
      await keys.createKey({
        parent: PARENT,
        keyId: KEY_ID,
        purpose: KeyPurpose.LOG_CHECKPOINT,
        algorithm: KeyAlgorithm.ED25519,
        checkpointOrigin: origin,
        requestId: CREATE_REQUEST_ID,
      });
    } catch (error) {
      // Another replica may have made it meanwhile.
      if (!(error instanceof RpcError) || error.reason !== 'KEY_EXISTS') throw witnessError(error);
    }
    const made = await this.#findKey();
    if (made === undefined) throw refused("Signer does not have the log's key that it made.");
    return made;
  }

  async #findKey(): Promise<LogKey | undefined> {
    const { keys, origin } = this.#options;
    try {
      const { key } = await keys.getKey({ name: KEY_NAME });
      if (key?.purpose !== KeyPurpose.LOG_CHECKPOINT)
        throw refused(`The key ${KEY_NAME} was made for another purpose.`);
      if (key.checkpointOrigin !== origin) {
        throw refused(`The key ${KEY_NAME} signs for the origin "${key.checkpointOrigin}", not for "${origin}".`);
      }
      return { origin, publicKey: ed25519PublicKey(key.publicKeyDer) };
    } catch (error) {
      if (error instanceof RpcError && error.rpcCode === 'NOT_FOUND') return undefined;
      throw witnessError(error);
    }
  }
}

function witnessError(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  if (error.reason === 'CHECKPOINT_FORK') {
    return new AuditError('checkpoint-fork', `Signer refuses the tree: ${error.message}`, {
      advice: 'Follow docs/adr/0009-restore.md, "audit older than the others".',
      cause: error,
      ...(error.metadata !== undefined && { metadata: error.metadata }),
    });
  }
  if (UNAVAILABLE.has(error.rpcCode)) {
    return new AuditError('witness-unavailable', `Signer does not answer: ${error.rpcCode}.`, { cause: error });
  }
  return new AuditError('checkpoint-refused', `Signer does not sign checkpoints: ${error.message}`, { cause: error });
}

function refused(message: string): AuditError {
  return new AuditError('checkpoint-refused', message, {
    advice: 'Set AUDIT_LOG_ORIGIN to the origin that the log began with; another origin is another log.',
  });
}
