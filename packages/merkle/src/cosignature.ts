import { MerkleError } from './merkle-error.ts';
import { checkSignature, SIGNATURE_SIZE, signatureLine } from './signed-note.ts';

const TIMESTAMP_SIZE = 8;
const MAX_TIMESTAMP = 2n ** 63n - 1n;

/** The parts of a `timestamped_signature`. C2SP tlog-cosignature, "Format". */
export type TimestampedSignature = {
  /** When the witness signed, in seconds since the Unix epoch, 0 to 2^63-1. */
  readonly timestamp: bigint;
  /** Raw Ed25519 signature over {@link cosignatureMessage}, 64 bytes. */
  readonly signature: Uint8Array;
};

/**
 * The bytes that a witness signs: a header, the time and the whole checkpoint body. C2SP tlog-cosignature, "Ed25519 signed
 * message".
 *
 * @throws MerkleError `INVALID_NOTE` if the time is outside 0..2^63-1 or the body does not end in a newline.
 */
export function cosignatureMessage({
  timestamp,
  text,
}: {
  readonly timestamp: bigint;
  readonly text: string;
}): Uint8Array {
  checkTimestamp(timestamp);
  if (!text.endsWith('\n'))
    throw new MerkleError('INVALID_NOTE', 'A checkpoint body ends in a newline; pass it whole.');
  return new TextEncoder().encode(`cosignature/v1\ntime ${timestamp}\n${text}`);
}

/**
 * Writes the signature line, with its newline, of a witness's cosignature v1 (type 0x04). To be appended to the signed
 * checkpoint as it is.
 *
 * @throws MerkleError `INVALID_KEY`; `INVALID_NOTE` if the signature is not 64 bytes or the time is out of bounds.
 */
export function cosignatureLine(
  of: TimestampedSignature & { readonly name: string; readonly publicKey: Uint8Array },
): string {
  checkTimestamp(of.timestamp);
  checkSignature(of.signature);
  const bytes = new Uint8Array(TIMESTAMP_SIZE + SIGNATURE_SIZE);
  new DataView(bytes.buffer).setBigUint64(0, of.timestamp);
  bytes.set(of.signature, TIMESTAMP_SIZE);
  return signatureLine({ name: of.name, type: 'cosignature/v1', publicKey: of.publicKey }, bytes);
}

/** Takes what stands after the key id of a cosignature line apart; `undefined` if it is not of that form. */
export function parseTimestampedSignature(bytes: Uint8Array): TimestampedSignature | undefined {
  if (bytes.length !== TIMESTAMP_SIZE + SIGNATURE_SIZE) return undefined;
  const timestamp = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return timestamp > MAX_TIMESTAMP ? undefined : { timestamp, signature: bytes.subarray(TIMESTAMP_SIZE) };
}

function checkTimestamp(timestamp: bigint): void {
  if (timestamp < 0n || timestamp > MAX_TIMESTAMP) {
    throw new MerkleError('INVALID_NOTE', `The time ${timestamp} is outside 0..2^63-1 seconds.`);
  }
}
