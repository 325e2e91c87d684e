import { decodeBase64, encodeBase64 } from './base64.ts';
import { sha256 } from './hash.ts';
import { MerkleError } from './merkle-error.ts';

/**
 * What a key signs: `ed25519` signs the text of a note (type 0x01, C2SP signed-note); `cosignature/v1` signs a checkpoint
 * together with the time at which a witness has seen it (type 0x04, C2SP tlog-cosignature).
 */
export type SignatureType = 'ed25519' | 'cosignature/v1';

/** A public key of a signed note, with the name and type that belong to its identity. */
export type VerifierKey = {
  /** Name of the signer, by custom a URL without scheme; no spaces, no `+`. For a log, its origin. */
  readonly name: string;
  readonly type: SignatureType;
  /** Ed25519 public key, 32 bytes as of RFC 8032. */
  readonly publicKey: Uint8Array;
};

/** Size of an Ed25519 public key in bytes. */
export const PUBLIC_KEY_SIZE = 32;

const MAX_KEY_LENGTH = 4096;
const TYPE_BYTES: Readonly<Record<SignatureType, number>> = { ed25519: 0x01, 'cosignature/v1': 0x04 };

/**
 * Short identifier of a key on signature lines: the first four bytes, big-endian, of SHA-256(name || 0x0A || type || key). It
 * chooses the key to verify with; it proves nothing.
 *
 * @throws MerkleError `INVALID_KEY` if the name cannot stand on a signature line, or the key is not 32 bytes.
 */
export function keyId(key: VerifierKey): number {
  checkVerifierKey(key);
  const digest = sha256(Buffer.concat([Buffer.from(`${key.name}\n`), typedKey(key)]));
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/**
 * Writes a verifier key as text ("vkey"): `<name>+<key id, 8 hex digits>+<base64 of type and key>`.
 *
 * @throws MerkleError `INVALID_KEY`.
 */
export function formatVerifierKey(key: VerifierKey): string {
  return `${key.name}+${formatKeyId(keyId(key))}+${encodeBase64(typedKey(key))}`;
}

/**
 * Reads a verifier key from text ("vkey").
 *
 * @throws MerkleError `INVALID_KEY` if it is malformed or its key id is not that of its content; `UNSUPPORTED_KEY` if it is
 * of a type other than 0x01 and 0x04.
 */
export function parseVerifierKey(text: string): VerifierKey {
  // The name holds no plus, the base64 may: only the first two separate.
  const match = text.length <= MAX_KEY_LENGTH ? /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) : null;
  const [, name, id, encoded] = match ?? [];
  const bytes = encoded === undefined ? undefined : decodeBase64(encoded);
  const typeByte = bytes?.[0];
  if (name === undefined || id === undefined || bytes === undefined || typeByte === undefined) {
    throw new MerkleError(
      'INVALID_KEY',
      'A verifier key is written as <name>+<8 lower-case hex digits>+<base64>; check for missing characters.',
    );
  }
  const type =
    typeByte === TYPE_BYTES.ed25519
      ? 'ed25519'
      : typeByte === TYPE_BYTES['cosignature/v1']
        ? 'cosignature/v1'
        : undefined;
  if (type === undefined) {
    throw new MerkleError(
      'UNSUPPORTED_KEY',
      `Keys of signature type ${typeByte} are not supported; use an Ed25519 key (type 1 or 4).`,
    );
  }
  const key: VerifierKey = { name, type, publicKey: bytes.slice(1) };
  if (formatKeyId(keyId(key)) !== id) {
    throw new MerkleError('INVALID_KEY', `The key id ${id} is not that of this name and key; one of them was changed.`);
  }
  return key;
}

/** Whether `name` can stand on a signature line: not empty, well-formed, without Unicode spaces and `+`. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^+\p{White_Space}]+$/u.test(name);
}

/** @throws MerkleError `INVALID_KEY`. */
function checkVerifierKey(key: VerifierKey): void {
  if (!isKeyName(key.name) || /\p{Cc}/u.test(key.name)) {
    throw new MerkleError('INVALID_KEY', 'A key name must not be empty or have spaces, control characters or "+".');
  }
  if (key.publicKey.length !== PUBLIC_KEY_SIZE) {
    throw new MerkleError(
      'INVALID_KEY',
      `An Ed25519 public key is ${PUBLIC_KEY_SIZE} bytes, not ${key.publicKey.length}; pass it raw, without DER.`,
    );
  }
}

function typedKey({ type, publicKey }: VerifierKey): Uint8Array {
  return Uint8Array.of(TYPE_BYTES[type], ...publicKey);
}

function formatKeyId(id: number): string {
  return id.toString(16).padStart(8, '0');
}
