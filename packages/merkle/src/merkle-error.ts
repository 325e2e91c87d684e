/**
 * Why an operation of this package was refused. The union is closed; callers may switch over it exhaustively.
 *
 * - `INVALID_SIZE`: a tree size is outside 0..2^63-1, or the sizes do not fit together.
 * - `INVALID_INDEX`: a leaf index, node or tile lies outside the tree.
 * - `INVALID_HASH`: a hash is not 32 bytes.
 * - `INVALID_PROOF`: a proof has the wrong number of hashes for its index and sizes.
 * - `ROOT_MISMATCH`: the proof is well formed but leads to another root: what it claims is not so.
 * - `NODE_MISSING`: a fetcher did not deliver the nodes or tiles that it was asked for.
 * - `INVALID_RANGE`: a compact range's state is malformed, or two ranges do not adjoin.
 * - `INVALID_TILE`: a tile path, tile width or tile content is malformed.
 * - `INVALID_ENTRY_BUNDLE`: an entry bundle is malformed, or an entry is too large for one.
 * - `INVALID_CHECKPOINT`: a checkpoint body is malformed.
 * - `INVALID_NOTE`: a signed note, its text or one of its signature lines is malformed.
 * - `INVALID_KEY`: a verifier key or key name is malformed, or two trusted keys collide.
 * - `UNSUPPORTED_KEY`: a verifier key is well formed but of a signature type that this package does not verify.
 * - `BAD_SIGNATURE`: a signature that claims to be of a trusted key does not verify.
 * - `UNTRUSTED`: no trusted key has signed, or fewer witnesses have than were asked for.
 * - `ORIGIN_MISMATCH`: the checkpoint is of another log.
 * - `INVALID_TLOG_PROOF`: a tlog-proof file is malformed.
 * - `INVALID_JSON_VALUE`: a value has no RFC 8785 form, or exceeds the limits.
 * - `INVALID_COMMITMENT`: the input of a leaf commitment is not of the right size.
 */
export type MerkleErrorCode =
  | 'INVALID_SIZE'
  | 'INVALID_INDEX'
  | 'INVALID_HASH'
  | 'INVALID_PROOF'
  | 'ROOT_MISMATCH'
  | 'NODE_MISSING'
  | 'INVALID_RANGE'
  | 'INVALID_TILE'
  | 'INVALID_ENTRY_BUNDLE'
  | 'INVALID_CHECKPOINT'
  | 'INVALID_NOTE'
  | 'INVALID_KEY'
  | 'UNSUPPORTED_KEY'
  | 'BAD_SIGNATURE'
  | 'UNTRUSTED'
  | 'ORIGIN_MISMATCH'
  | 'INVALID_TLOG_PROOF'
  | 'INVALID_JSON_VALUE'
  | 'INVALID_COMMITMENT';

/**
 * The only error that this package throws by itself. Errors of functions that a caller passes in (node fetchers,
 * visitors, signing functions) go through unchanged.
 */
export class MerkleError extends Error {
  override readonly name = 'MerkleError';
  readonly code: MerkleErrorCode;

  constructor(code: MerkleErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
