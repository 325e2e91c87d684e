import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { cosignatureMessage, parseTimestampedSignature } from './cosignature.ts';
import { MerkleError } from './merkle-error.ts';
import { parseSignedNote } from './signed-note.ts';
import { keyId, PUBLIC_KEY_SIZE, parseVerifierKey, type VerifierKey } from './verifier-key.ts';

/** What a valid signature says beside that the text was signed. */
export type SignatureStatement = {
  /** For a cosignature, when the witness signed, in seconds since the Unix epoch. */
  readonly timestamp?: bigint;
};

/** Verifies the signatures of one key. {@link noteVerifier} makes one; other signature types may be added from outside. */
export type NoteVerifier = {
  /** Name of the key as it stands on signature lines. */
  readonly name: string;
  /** Key id as it stands on signature lines. */
  readonly keyId: number;
  /** The public key, in the encoding of its type: tells whether two verifiers are one signer. */
  readonly publicKey: Uint8Array;
  /** What the signature (the bytes after the key id) over a note's text says; `undefined` if it does not verify. */
  readonly verify: (text: string, signature: Uint8Array) => SignatureStatement | undefined;
};

/** A signature that was verified. */
export type VerifiedSignature = SignatureStatement & { readonly verifier: NoteVerifier };

/** A note of which at least one trusted key has signed the text, and no trusted key's signature is wrong. */
export type VerifiedNote = {
  /** The signed text, ending in a newline. */
  readonly text: string;
  /** What trusted keys have signed, in the order of the note's lines, each key once. Not empty. */
  readonly signatures: readonly VerifiedSignature[];
};

// SubjectPublicKeyInfo of an Ed25519 key up to the key itself. RFC 8410, section 4.
const ED25519_SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Makes a verifier of a trusted key, given as an object or as text ("vkey").
 *
 * @throws MerkleError `INVALID_KEY` or `UNSUPPORTED_KEY`.
 */
export function noteVerifier(key: VerifierKey | string): NoteVerifier {
  const trusted = typeof key === 'string' ? parseVerifierKey(key) : key;
  const id = keyId(trusted);
  const publicKey = Uint8Array.from(trusted.publicKey);
  const keyObject = ed25519PublicKey(publicKey);
  return {
    name: trusted.name,
    keyId: id,
    publicKey,
    verify: trusted.type === 'ed25519' ? verifyText(keyObject) : verifyCosignature(keyObject),
  };
}

/**
 * Verifies a signed note. Signatures of unknown keys are ignored, as C2SP signed-note demands; one of a known key that does not
 * verify condemns the note. A key that signed twice is counted once, by its first line.
 *
 * @throws MerkleError `INVALID_NOTE`; `BAD_SIGNATURE`; `UNTRUSTED` if no known key has signed; `INVALID_KEY` if two verifiers
 * have the same name and key id.
 */
export function verifySignedNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): VerifiedNote {
  const known = indexVerifiers(verifiers);
  const { text, signatures } = parseSignedNote(note);
  const verified = new Map<NoteVerifier, VerifiedSignature>();
  for (const { name, keyId: id, signature } of signatures) {
    const verifier = known.get(verifierIndex({ name, keyId: id }));
    if (verifier === undefined) continue;
    const statement = verifier.verify(text, signature);
    if (statement === undefined) {
      throw new MerkleError(
        'BAD_SIGNATURE',
        `The signature of ${name} does not verify: the note or the signature was changed.`,
      );
    }
    if (!verified.has(verifier)) verified.set(verifier, { ...statement, verifier });
  }
  if (verified.size === 0) {
    throw new MerkleError(
      'UNTRUSTED',
      'The note has no signature of a trusted key; check which keys the verifier was given.',
    );
  }
  return { text, signatures: [...verified.values()] };
}

/** Whether `signature` is the raw Ed25519 signature of the key over `message`. False for a key that is no curve point. */
export function isEd25519Signature(
  message: Uint8Array,
  by: { readonly publicKey: Uint8Array; readonly signature: Uint8Array },
): boolean {
  return verify(null, message, ed25519PublicKey(by.publicKey), by.signature);
}

function verifyText(key: KeyObject): NoteVerifier['verify'] {
  return (text, signature) => (verify(null, new TextEncoder().encode(text), key, signature) ? {} : undefined);
}

function verifyCosignature(key: KeyObject): NoteVerifier['verify'] {
  return (text, bytes) => {
    const parsed = parseTimestampedSignature(bytes);
    if (parsed === undefined) return undefined;
    const { timestamp, signature } = parsed;
    return verify(null, cosignatureMessage({ timestamp, text }), key, signature) ? { timestamp } : undefined;
  };
}

function ed25519PublicKey(publicKey: Uint8Array): KeyObject {
  if (publicKey.length !== PUBLIC_KEY_SIZE) {
    throw new MerkleError('INVALID_KEY', `An Ed25519 public key is ${PUBLIC_KEY_SIZE} bytes, not ${publicKey.length}.`);
  }
  return createPublicKey({ key: Buffer.concat([ED25519_SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
}

function indexVerifiers(verifiers: readonly NoteVerifier[]): Map<string, NoteVerifier> {
  const known = new Map(verifiers.map((verifier) => [verifierIndex(verifier), verifier]));
  if (known.size !== verifiers.length) {
    throw new MerkleError('INVALID_KEY', 'Two of the trusted keys have the same name and key id; remove one.');
  }
  return known;
}

function verifierIndex({ name, keyId: id }: { readonly name: string; readonly keyId: number }): string {
  return `${id}+${name}`;
}
