import { decodeBase64, encodeBase64 } from './base64.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { HASH_SIZE } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { type CheckpointPolicy, type VerifiedCheckpoint, verifyCheckpoint } from './signed-checkpoint.ts';
import { decodeText, parseSignedNote } from './signed-note.ts';
import { parseDecimal } from './tree-size.ts';
import { verifyInclusion } from './verify-proof.ts';

/** The content of a `.tlog-proof` file: C2SP tlog-proof. Read but not verified: {@link verifyTlogProof} does that. */
export type TlogProof = {
  /** Index of the leaf in the log. */
  readonly index: bigint;
  /** Inclusion proof of the leaf in the checkpoint's tree, from the leaf's sibling up; at most 63 hashes. */
  readonly proof: readonly Uint8Array[];
  /** The signed checkpoint, verbatim. */
  readonly checkpoint: string;
  /** Opaque bytes that nobody signed: a hint at most. At least one byte if present. */
  readonly extra?: Uint8Array;
};

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_PROOF_LENGTH = 63;

/**
 * Writes a tlog-proof file.
 *
 * @throws MerkleError `INVALID_TLOG_PROOF` if the result would not be read back.
 */
export function formatTlogProof({ index, proof, checkpoint, extra }: TlogProof): string {
  const lines = [
    HEADER,
    ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]),
    `index ${index}`,
    ...proof.map(encodeBase64),
    '',
  ];
  const file = `${lines.join('\n')}\n${checkpoint}`;
  parseTlogProof(file);
  return file;
}

/**
 * Reads a tlog-proof file of at most 1,000,000 bytes. Hostile input; nothing is verified.
 *
 * @throws MerkleError `INVALID_TLOG_PROOF`.
 */
export function parseTlogProof(file: string | Uint8Array): TlogProof {
  const text = checkedText(file);
  const split = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(split, 0)).split('\n');
  if (lines.shift() !== HEADER) {
    throw new MerkleError(
      'INVALID_TLOG_PROOF',
      `A tlog-proof file starts with the line ${HEADER} and has a blank line before its checkpoint.`,
    );
  }
  const extra = lines[0]?.startsWith('extra ') ? parseExtra(lines.shift()) : undefined;
  const index = parseIndex(lines.shift());
  if (lines.length > MAX_PROOF_LENGTH) {
    throw new MerkleError('INVALID_TLOG_PROOF', `No inclusion proof has more than ${MAX_PROOF_LENGTH} hashes.`);
  }
  const proof = lines.map(parseHash);
  const checkpoint = text.slice(split + 2);
  checkNote(checkpoint);
  return { index, proof, checkpoint, ...(extra !== undefined && { extra }) };
}

/**
 * Verifies, offline, that a leaf is in a log, as a tlog-proof file claims. Hostile input but for the policy and the leaf hash,
 * which is to be computed from the data in question.
 *
 * @returns the checkpoint with its verified signatures, and the leaf's index.
 * @throws MerkleError `INVALID_TLOG_PROOF`; all that {@link verifyCheckpoint} and {@link verifyInclusion} throw.
 */
export function verifyTlogProof(
  file: string | Uint8Array,
  expected: { readonly leafHash: Uint8Array; readonly policy: CheckpointPolicy },
): VerifiedCheckpoint & { readonly index: bigint } {
  const { index, proof, checkpoint: note } = parseTlogProof(file);
  const verified = verifyCheckpoint(note, expected.policy);
  const { size, root } = verified.checkpoint;
  verifyInclusion({ index, size, root, proof, leafHash: expected.leafHash });
  return { ...verified, index };
}

function parseExtra(line: string | undefined): Uint8Array {
  const extra = decodeBase64(line?.slice('extra '.length) ?? '');
  if (extra === undefined || extra.length === 0) {
    throw new MerkleError(
      'INVALID_TLOG_PROOF',
      'The extra line must carry base64; leave the line out if there is nothing extra.',
    );
  }
  return extra;
}

function parseIndex(line: string | undefined): bigint {
  const index = line?.startsWith('index ') ? parseDecimal(line.slice('index '.length)) : undefined;
  if (index === undefined) {
    throw new MerkleError(
      'INVALID_TLOG_PROOF',
      'The index line must be "index " and a decimal of 0..2^63-1 without leading zeros.',
    );
  }
  return index;
}

function parseHash(line: string): Uint8Array {
  const hash = decodeBase64(line);
  if (hash?.length !== HASH_SIZE) {
    throw new MerkleError('INVALID_TLOG_PROOF', `Each line of the proof must be the base64 of ${HASH_SIZE} bytes.`);
  }
  return hash;
}

function checkedText(file: string | Uint8Array): string {
  try {
    return decodeText(file);
  } catch (cause) {
    throw new MerkleError('INVALID_TLOG_PROOF', 'A tlog-proof file is UTF-8 text of at most 1,000,000 bytes.', {
      cause,
    });
  }
}

function checkNote(checkpoint: string): void {
  try {
    parseCheckpoint(parseSignedNote(checkpoint).text);
  } catch (cause) {
    throw new MerkleError(
      'INVALID_TLOG_PROOF',
      'What follows the blank line of a tlog-proof file must be a signed checkpoint.',
      { cause },
    );
  }
}
