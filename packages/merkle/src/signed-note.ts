import { decodeBase64, encodeBase64 } from './base64.ts';
import { MerkleError } from './merkle-error.ts';
import { isKeyName, keyId, type VerifierKey } from './verifier-key.ts';

/** Largest signed note that is read or written, in bytes of UTF-8. */
export const MAX_NOTE_SIZE = 1_000_000;

/** Most signature lines that are read or written. */
export const MAX_NOTE_SIGNATURES = 100;

/** Size of a raw Ed25519 signature in bytes. */
export const SIGNATURE_SIZE = 64;

const KEY_ID_SIZE = 4;

/** A signature line, read but not verified. */
export type NoteSignature = {
  /** Name of the key that is said to have signed. */
  readonly name: string;
  /** Its key id. */
  readonly keyId: number;
  /** What follows the key id; its form depends on the key's type. At least one byte. */
  readonly signature: Uint8Array;
};

/** A signed note, read but not verified: {@link verifySignedNote} does that. */
export type SignedNote = {
  /** The signed text, ending in a newline. */
  readonly text: string;
  /** The signature lines in their order, 1 to 100. */
  readonly signatures: readonly NoteSignature[];
};

/**
 * Reads a signed note (C2SP signed-note). Hostile input; nothing is verified.
 *
 * @throws MerkleError `INVALID_NOTE` if it is malformed, longer than 1,000,000 bytes or has more than 100 signatures.
 */
export function parseSignedNote(note: string | Uint8Array): SignedNote {
  const whole = decodeText(note);
  const split = whole.lastIndexOf('\n\n');
  if (split < 0 || !whole.endsWith('\n') || split + 2 === whole.length) {
    throw new MerkleError(
      'INVALID_NOTE',
      'A signed note is a text, a blank line and signature lines that each end in a newline.',
    );
  }
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_NOTE_SIGNATURES) {
    throw new MerkleError(
      'INVALID_NOTE',
      `The note has ${lines.length} signatures; at most ${MAX_NOTE_SIGNATURES} are read.`,
    );
  }
  return { text: whole.slice(0, split + 1), signatures: lines.map(parseSignatureLine) };
}

/**
 * Writes a signed note from its text and signature lines.
 *
 * @throws MerkleError `INVALID_NOTE` if the result would not be read back as the same.
 */
export function formatSignedNote({
  text,
  lines,
}: {
  readonly text: string;
  readonly lines: readonly string[];
}): string {
  const note = `${text}\n${lines.join('')}`;
  const parsed = parseSignedNote(note);
  if (parsed.text !== text || parsed.signatures.length !== lines.length) {
    throw new MerkleError(
      'INVALID_NOTE',
      'A note needs a text that ends in a newline and signature lines that each do.',
    );
  }
  return note;
}

/**
 * Writes the signature line, with its newline, of an Ed25519 signature (type 0x01) over the bytes of a note's text, which a
 * key elsewhere has made. To be appended to the note as it is.
 *
 * @throws MerkleError `INVALID_KEY`; `INVALID_NOTE` if the signature is not 64 bytes.
 */
export function noteSignatureLine(of: {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}): string {
  checkSignature(of.signature);
  return signatureLine({ name: of.name, type: 'ed25519', publicKey: of.publicKey }, of.signature);
}

/** Writes a signature line of any type, with its newline. `signature` is what follows the key id. */
export function signatureLine(key: VerifierKey, signature: Uint8Array): string {
  const blob = new Uint8Array(KEY_ID_SIZE + signature.length);
  new DataView(blob.buffer).setUint32(0, keyId(key));
  blob.set(signature, KEY_ID_SIZE);
  return `— ${key.name} ${encodeBase64(blob)}\n`;
}

/** @throws MerkleError `INVALID_NOTE` if `signature` is not a raw Ed25519 signature by its size. */
export function checkSignature(signature: Uint8Array): void {
  if (signature.length !== SIGNATURE_SIZE) {
    throw new MerkleError(
      'INVALID_NOTE',
      `A raw Ed25519 signature is ${SIGNATURE_SIZE} bytes, not ${signature.length}.`,
    );
  }
}

function parseSignatureLine(line: string): NoteSignature {
  const [dash, name, encoded, ...rest] = line.split(' ', 4);
  const blob = encoded === undefined ? undefined : decodeBase64(encoded);
  if (
    dash !== '—' ||
    name === undefined ||
    !isKeyName(name) ||
    rest.length > 0 ||
    blob === undefined ||
    blob.length <= KEY_ID_SIZE
  ) {
    throw new MerkleError(
      'INVALID_NOTE',
      'A signature line is an em dash, a key name and base64, each after one space.',
    );
  }
  return { name, keyId: new DataView(blob.buffer).getUint32(0), signature: blob.subarray(KEY_ID_SIZE) };
}

/**
 * Reads the text of a note or of what holds one: well-formed UTF-8 of at most 1,000,000 bytes without control characters other
 * than newline.
 *
 * @throws MerkleError `INVALID_NOTE`.
 */
export function decodeText(input: string | Uint8Array): string {
  // A string is never longer in UTF-16 units than in bytes of UTF-8, so this bounds the work below for both.
  if (input.length > MAX_NOTE_SIZE) throw tooLong();
  const text = typeof input === 'string' ? input : decodeUtf8(input);
  if (typeof input === 'string' && Buffer.byteLength(text) > MAX_NOTE_SIZE) throw tooLong();
  if (!text.isWellFormed()) throw new MerkleError('INVALID_NOTE', 'The text is not well-formed Unicode.');
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) {
      throw new MerkleError(
        'INVALID_NOTE',
        `The text has a control character (code ${unit}); only newlines are allowed.`,
      );
    }
  }
  return text;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    // A byte order mark is part of what was signed, so it must not be dropped.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new MerkleError('INVALID_NOTE', 'The text is not valid UTF-8.', { cause });
  }
}

function tooLong(): MerkleError {
  return new MerkleError('INVALID_NOTE', `The text is longer than ${MAX_NOTE_SIZE} bytes.`);
}
