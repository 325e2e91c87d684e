import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { RandomBytes } from '@cert-tasks/kernel';
import { SecretBytes } from './secret-bytes.ts';

const CIPHER = 'aes-256-gcm';
/** First byte of everything sealed: this form. Another form is another byte. */
const FORM = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;

/** Bytes of the keys that seal. */
export const SEALING_KEY_BYTES = 32;

/** What is sealed, under which key, bound to what. */
export interface SealInput {
  /** 32 bytes. For one key at most 2^32 seals, for the nonces are random (NIST SP 800-38D, section 8.3). */
  readonly key: SecretBytes;
  readonly plain: SecretBytes;
  readonly associatedData: Uint8Array;
  readonly randomBytes: RandomBytes;
}

/** Version byte 1, nonce of 12 bytes, AES-256-GCM of the bytes, tag of 16 bytes (ADR 2). The plain bytes are left as they are. */
export function seal({ key, plain, associatedData, randomBytes }: SealInput): Uint8Array {
  const sealed = new Uint8Array(HEADER_BYTES + plain.length + TAG_BYTES);
  sealed[0] = FORM;
  sealed.set(randomBytes(NONCE_BYTES), 1);
  const nonce = sealed.subarray(1, HEADER_BYTES);
  const cipher = key.expose((bytes) => createCipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES }));
  cipher.setAAD(associatedData);
  sealed.set(
    plain.expose((bytes) => cipher.update(bytes)),
    HEADER_BYTES,
  );
  cipher.final();
  sealed.set(cipher.getAuthTag(), HEADER_BYTES + plain.length);
  return sealed;
}

/**
 * The bytes that were sealed; undefined where they were not sealed like this: another key, other associated data, a changed
 * bit, another form.
 */
export function unseal(input: {
  readonly key: SecretBytes;
  readonly sealed: Uint8Array;
  readonly associatedData: Uint8Array;
}): SecretBytes | undefined {
  const { key, sealed, associatedData } = input;
  if (sealed.length <= HEADER_BYTES + TAG_BYTES || sealed[0] !== FORM) return undefined;
  const nonce = sealed.subarray(1, HEADER_BYTES);
  const decipher = key.expose((bytes) => createDecipheriv(CIPHER, bytes, nonce, { authTagLength: TAG_BYTES }));
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plain = new SecretBytes(decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES)));
  try {
    decipher.final();
  } catch {
    // The one thing that final checks is the tag; until then the bytes are the attacker's.
    plain.wipe();
    return undefined;
  }
  return plain;
}

/** The parts one after another, each after its length as 4 bytes big-endian: no two lists of parts give the same bytes. */
export function associatedData(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = parts.map((part) => Buffer.from(part));
  const total = encoded.reduce((length, part) => length + 4 + part.length, 0);
  const data = Buffer.alloc(total);
  let at = 0;
  for (const part of encoded) {
    at = data.writeUInt32BE(part.length, at);
    at += part.copy(data, at);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
