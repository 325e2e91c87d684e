import { decodeBase64, encodeBase64 } from './base64.ts';
import { checkHash, HASH_SIZE } from './hash.ts';
import { MerkleError } from './merkle-error.ts';
import { decodeText } from './signed-note.ts';
import { checkSize, parseDecimal } from './tree-size.ts';

/** The head of a log: what is signed. C2SP tlog-checkpoint. */
export type Checkpoint = {
  /** Identity of the log, by custom a URL without scheme. One line, not empty, at most 255 bytes of UTF-8. */
  readonly origin: string;
  /** Number of leaves, 0 to 2^63-1. */
  readonly size: bigint;
  /** Root of the tree of that size, 32 bytes. */
  readonly root: Uint8Array;
  /** Further lines, opaque; none if left out. The specification advises against them. At most 16. */
  readonly extensions?: readonly string[];
};

const MAX_ORIGIN_SIZE = 255;
const MAX_EXTENSIONS = 16;

/**
 * Writes a checkpoint body: the text to be signed.
 *
 * @throws MerkleError `INVALID_CHECKPOINT` if the origin or an extension cannot stand on a line of its own; `INVALID_SIZE`;
 * `INVALID_HASH`.
 */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  checkSize(size);
  checkHash(root);
  const text = [origin, size, encodeBase64(root), ...extensions].map((line) => `${line}\n`).join('');
  const parsed = parseCheckpoint(text);
  if (parsed.origin !== origin || (parsed.extensions ?? []).length !== extensions.length) {
    throw new MerkleError('INVALID_CHECKPOINT', 'The origin and the extensions of a checkpoint must be one line each.');
  }
  return text;
}

/**
 * Reads a checkpoint body. Hostile input. `extensions` is absent if there are none.
 *
 * @throws MerkleError `INVALID_CHECKPOINT`.
 */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = checkedText(text).split('\n');
  const [origin, sizeLine, rootLine, ...extensions] = lines.slice(0, -1);
  if (origin === undefined || sizeLine === undefined || rootLine === undefined || lines.at(-1) !== '') {
    throw new MerkleError(
      'INVALID_CHECKPOINT',
      'A checkpoint has three lines at least: origin, size, root; each ends in a newline.',
    );
  }
  if (origin === '' || Buffer.byteLength(origin) > MAX_ORIGIN_SIZE) {
    throw new MerkleError('INVALID_CHECKPOINT', `The origin of a checkpoint must be 1 to ${MAX_ORIGIN_SIZE} bytes.`);
  }
  const size = parseDecimal(sizeLine);
  if (size === undefined) {
    throw new MerkleError(
      'INVALID_CHECKPOINT',
      'The size of a checkpoint is a decimal of 0..2^63-1 without leading zeros.',
    );
  }
  const root = decodeBase64(rootLine);
  if (root?.length !== HASH_SIZE) {
    throw new MerkleError('INVALID_CHECKPOINT', `The root of a checkpoint is the base64 of ${HASH_SIZE} bytes.`);
  }
  if (extensions.length > MAX_EXTENSIONS || extensions.includes('')) {
    throw new MerkleError(
      'INVALID_CHECKPOINT',
      `A checkpoint has at most ${MAX_EXTENSIONS} extension lines, none of them empty.`,
    );
  }
  return { origin, size, root, ...(extensions.length > 0 && { extensions }) };
}

function checkedText(text: string): string {
  try {
    return decodeText(text);
  } catch (cause) {
    throw new MerkleError('INVALID_CHECKPOINT', 'A checkpoint is well-formed text without control characters.', {
      cause,
    });
  }
}
