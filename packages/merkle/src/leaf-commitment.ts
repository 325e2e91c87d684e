import { sha256 } from './hash.ts';
import { MerkleError } from './merkle-error.ts';

/** Size of the salt of a leaf commitment in bytes. */
export const SALT_SIZE = 32;

/** Size of the leaf data of every audit leaf, in bytes. */
export const LEAF_COMMITMENT_SIZE = 33;

// The first byte of a leaf says which form it has; the text before the data keeps the hashes of the forms apart.
const EVENT_LEAF = { version: 0x01, domain: new TextEncoder().encode('cert-tasks/audit-leaf/v1\0') };
const RAW_LEAF = { version: 0x02, domain: new TextEncoder().encode('cert-tasks/audit-raw/v1\0') };

/**
 * The leaf data of an audit event: 0x01 || SHA-256("cert-tasks/audit-leaf/v1" || 0x00 || salt || SHA-256(event)). It binds the
 * log to the event and tells nothing of it to whom the salt is unknown, so that an event and its salt can be erased while every
 * proof stays valid. Of fixed size, so that it tells no length either.
 *
 * @param of - `salt`: 32 random bytes, made for this one event; `canonicalEvent`: the event as RFC 8785 bytes.
 * @throws MerkleError `INVALID_COMMITMENT` if the salt is not 32 bytes.
 */
export function leafCommitment(of: { readonly salt: Uint8Array; readonly canonicalEvent: Uint8Array }): Uint8Array {
  if (of.salt.length !== SALT_SIZE) {
    throw new MerkleError(
      'INVALID_COMMITMENT',
      `The salt of an audit leaf is ${SALT_SIZE} random bytes, not ${of.salt.length}.`,
    );
  }
  return versionedLeaf(EVENT_LEAF, [of.salt, sha256(of.canonicalEvent)]);
}

/**
 * The leaf data of an event that could not be decoded: 0x02 || SHA-256("cert-tasks/audit-raw/v1" || 0x00 || raw bytes). Not
 * salted: whoever can guess the bytes can confirm the guess.
 */
export function rawLeafCommitment(raw: Uint8Array): Uint8Array {
  return versionedLeaf(RAW_LEAF, [raw]);
}

function versionedLeaf(
  { version, domain }: { readonly version: number; readonly domain: Uint8Array },
  parts: readonly Uint8Array[],
): Uint8Array {
  const leaf = new Uint8Array(LEAF_COMMITMENT_SIZE);
  leaf[0] = version;
  leaf.set(sha256(Buffer.concat([domain, ...parts])), 1);
  return leaf;
}
