import { bytesEqual } from '@cert-tasks/kernel';
import {
  formatCheckpoint,
  formatSignedNote,
  formatVerifierKey,
  MerkleError,
  noteSignatureLine,
  noteVerifier,
  verifyCheckpoint,
} from '@cert-tasks/merkle';
import { AuditError } from './errors.ts';

/** The key that signs the log's checkpoints, as anyone may know it. */
export interface LogKey {
  /** The log's origin, which is the key's name on signature lines. */
  readonly origin: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A tree's size and root. */
export interface TreeHead {
  readonly size: bigint;
  readonly root: Uint8Array;
}

/** A checkpoint that signer has witnessed and signed. */
export interface SignedCheckpoint extends TreeHead {
  readonly origin: string;
  /** The whole signed note (C2SP signed-note), verified. */
  readonly signedNote: string;
  /** The verifier key (C2SP signed-note). */
  readonly verifierKey: string;
}

/** A signed checkpoint with the last time at which signer vouched for it, by the database's clock. */
export interface PublishedCheckpoint extends SignedCheckpoint {
  readonly signedAt: Date;
}

/** What signer answers. */
export interface CheckpointSignature {
  readonly noteBody: string;
  /** Raw Ed25519 signature of the body. */
  readonly signature: Uint8Array;
}

/**
 * Makes the signed note of a checkpoint and verifies it, since what is published cannot be taken back.
 *
 * @throws AuditError `bad-checkpoint-signature` where the body is not that of this tree or the signature does not verify.
 */
export function signedCheckpoint(
  { origin, publicKey }: LogKey,
  head: TreeHead,
  { noteBody, signature }: CheckpointSignature,
): SignedCheckpoint {
  try {
    if (noteBody !== formatCheckpoint({ origin, size: head.size, root: head.root })) {
      throw new AuditError(
        'bad-checkpoint-signature',
        'Signer signed another text than the checkpoint it was asked for.',
      );
    }
    const key = { name: origin, type: 'ed25519', publicKey } as const;
    const line = noteSignatureLine({ name: origin, publicKey, signature });
    const signedNote = formatSignedNote({ text: noteBody, lines: [line] });
    verifyCheckpoint(signedNote, { origin, logKeys: [noteVerifier(key)] });
    return { ...head, origin, signedNote, verifierKey: formatVerifierKey(key) };
  } catch (cause) {
    if (!(cause instanceof MerkleError)) throw cause;
    throw new AuditError('bad-checkpoint-signature', "Signer's signature of the checkpoint does not verify.", {
      cause,
    });
  }
}

// SubjectPublicKeyInfo of an Ed25519 key up to the key itself. RFC 8410, section 4.
const ED25519_SPKI_PREFIX = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
const ED25519_KEY_SIZE = 32;

/**
 * The raw key inside a DER SubjectPublicKeyInfo of Ed25519, which has only this one form.
 *
 * @throws AuditError `checkpoint-refused` for anything else.
 */
export function ed25519PublicKey(spki: Uint8Array): Uint8Array {
  const prefix = spki.subarray(0, ED25519_SPKI_PREFIX.length);
  if (spki.length !== prefix.length + ED25519_KEY_SIZE || !bytesEqual(prefix, ED25519_SPKI_PREFIX)) {
    throw new AuditError('checkpoint-refused', "The log's key in signer is no Ed25519 key.");
  }
  return spki.slice(prefix.length);
}
