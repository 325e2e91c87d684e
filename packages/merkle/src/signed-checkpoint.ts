import { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { cosignatureLine, cosignatureMessage } from './cosignature.ts';
import { equalBytes } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { isEd25519Signature, type NoteVerifier, type VerifiedSignature, verifySignedNote } from './note-verifier.ts';
import { formatSignedNote, noteSignatureLine } from './signed-note.ts';

/** A key that lives elsewhere: makes the raw 64-byte Ed25519 signature over `message`. */
export type NoteSigner = {
  /** Name of the key; for a log, its origin. */
  readonly name: string;
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What it throws passes through. */
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;
};

/** Whom a verifier of checkpoints trusts, and for which log. */
export type CheckpointPolicy = {
  /** Origin that the checkpoint must carry. */
  readonly origin: string;
  /** Keys of the log; one of them must have signed. More than one where a key is being changed. */
  readonly logKeys: readonly NoteVerifier[];
  /** Keys of witnesses that count, each of another public key. None if left out. */
  readonly witnessKeys?: readonly NoteVerifier[];
  /** How many of the witnesses must have signed: all of them if left out. */
  readonly quorum?: number;
};

/** A checkpoint that satisfies a policy. */
export type VerifiedCheckpoint = {
  readonly checkpoint: Checkpoint;
  /** Signatures of the log, at least one. */
  readonly logSignatures: readonly VerifiedSignature[];
  /** Signatures of witnesses, as many as the quorum at least. */
  readonly witnessSignatures: readonly VerifiedSignature[];
};

/**
 * Signs a checkpoint as a log and gives the signed note. The signature is verified before it is given out.
 *
 * @throws MerkleError `INVALID_CHECKPOINT`, `INVALID_SIZE`, `INVALID_HASH`, `INVALID_KEY`; `BAD_SIGNATURE` if what `sign` made
 * does not verify under the public key.
 */
export async function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<string> {
  const text = formatCheckpoint(checkpoint);
  const signature = await checkedSignature(new TextEncoder().encode(text), signer);
  return formatSignedNote({
    text,
    lines: [noteSignatureLine({ name: signer.name, publicKey: signer.publicKey, signature })],
  });
}

/**
 * Makes a witness's cosignature line for a checkpoint body, to be appended to the signed checkpoint. That the checkpoint is
 * consistent with all that the witness signed before is for the caller to have verified.
 *
 * @param cosigned - the checkpoint body, and the time in seconds since the Unix epoch.
 * @throws MerkleError `INVALID_CHECKPOINT`, `INVALID_NOTE`, `INVALID_KEY`; `BAD_SIGNATURE` if what `sign` made does not verify.
 */
export async function cosignCheckpoint(
  cosigned: { readonly text: string; readonly timestamp: bigint },
  signer: NoteSigner,
): Promise<string> {
  parseCheckpoint(cosigned.text);
  const { name, publicKey } = signer;
  const signature = await checkedSignature(cosignatureMessage(cosigned), signer);
  return cosignatureLine({ name, publicKey, timestamp: cosigned.timestamp, signature });
}

/**
 * Verifies a signed checkpoint against a policy. Hostile input.
 *
 * @throws MerkleError `INVALID_NOTE`, `INVALID_CHECKPOINT`, `BAD_SIGNATURE`; `ORIGIN_MISMATCH`; `UNTRUSTED` if the log has not
 * signed, or fewer witnesses than the quorum have; `INVALID_KEY` if the policy holds a public key twice among its witnesses, a
 * witness that is the log, or a quorum that its witnesses cannot reach.
 */
export function verifyCheckpoint(note: string | Uint8Array, policy: CheckpointPolicy): VerifiedCheckpoint {
  const witnessKeys = policy.witnessKeys ?? [];
  const quorum = policy.quorum ?? witnessKeys.length;
  checkWitnesses(policy, { quorum });
  const { text, signatures } = verifySignedNote(note, [...policy.logKeys, ...witnessKeys]);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== policy.origin) {
    throw new MerkleError(
      'ORIGIN_MISMATCH',
      `The checkpoint is of the log "${checkpoint.origin}", not of "${policy.origin}".`,
    );
  }
  const logSignatures = signatures.filter(({ verifier }) => policy.logKeys.includes(verifier));
  if (logSignatures.length === 0) {
    throw new MerkleError('UNTRUSTED', 'The log itself has not signed the checkpoint with a trusted key.');
  }
  const witnessSignatures = signatures.filter(({ verifier }) => witnessKeys.includes(verifier));
  if (witnessSignatures.length < quorum) {
    throw new MerkleError(
      'UNTRUSTED',
      `${witnessSignatures.length} trusted witnesses have signed the checkpoint; ${quorum} must have.`,
    );
  }
  return { checkpoint, logSignatures, witnessSignatures };
}

async function checkedSignature(message: Uint8Array, { publicKey, sign }: NoteSigner): Promise<Uint8Array> {
  const signature = await sign(message);
  if (!isEd25519Signature(message, { publicKey, signature })) {
    throw new MerkleError(
      'BAD_SIGNATURE',
      'The signature just made does not verify: the public key is not that of the signing key.',
    );
  }
  return signature;
}

/** A key under two names, or the log as its own witness, would make one party count as two. */
function checkWitnesses(policy: CheckpointPolicy, { quorum }: { readonly quorum: number }): void {
  const witnesses = policy.witnessKeys ?? [];
  const isRepeated = witnesses.some(
    ({ publicKey }, i) =>
      witnesses.slice(0, i).some((other) => equalBytes(other.publicKey, publicKey)) ||
      policy.logKeys.some((log) => equalBytes(log.publicKey, publicKey)),
  );
  if (isRepeated) {
    throw new MerkleError(
      'INVALID_KEY',
      'A witness has the public key of the log or of another witness; one signer must not count twice.',
    );
  }
  if (!Number.isInteger(quorum) || quorum < 0 || quorum > witnesses.length) {
    throw new MerkleError('INVALID_KEY', `A quorum of ${quorum} cannot be reached by ${witnesses.length} witnesses.`);
  }
}
