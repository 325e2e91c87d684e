export { type CanonicalJsonLimits, canonicalJson, canonicalJsonBytes } from './canonical-json.ts';
export { type Checkpoint, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
export { CompactRange, type NodeVisitor } from './compact-range.ts';
export { cosignatureLine, cosignatureMessage } from './cosignature.ts';
export { decodeEntryBundle, encodeEntryBundle, MAX_ENTRY_SIZE } from './entry-bundle.ts';
export { emptyRoot, HASH_SIZE, leafHash, nodeHash } from './hash.ts';
export { LEAF_COMMITMENT_SIZE, leafCommitment, rawLeafCommitment, SALT_SIZE } from './leaf-commitment.ts';
export { MerkleError, type MerkleErrorCode } from './merkle-error.ts';
export { type NodePosition, rangeNodes } from './node-position.ts';
export {
  type NoteVerifier,
  noteVerifier,
  type SignatureStatement,
  type VerifiedNote,
  type VerifiedSignature,
  verifySignedNote,
} from './note-verifier.ts';
export {
  assembleProof,
  buildConsistencyProof,
  buildInclusionProof,
  consistencyProofNodes,
  inclusionProofNodes,
  type NodeFetcher,
  type ProofNode,
  proofPositions,
} from './proof-nodes.ts';
export {
  type CheckpointPolicy,
  cosignCheckpoint,
  type NoteSigner,
  signCheckpoint,
  type VerifiedCheckpoint,
  verifyCheckpoint,
} from './signed-checkpoint.ts';
export {
  formatSignedNote,
  MAX_NOTE_SIGNATURES,
  MAX_NOTE_SIZE,
  type NoteSignature,
  noteSignatureLine,
  parseSignedNote,
  type SignedNote,
} from './signed-note.ts';
export {
  decodeTile,
  encodeTile,
  locateNode,
  nodesFromTiles,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  type TileFetcher,
  type TileLocation,
  tilesBetween,
  tileWidth,
} from './tile.ts';
export { entryBundlePath, parseTilePath, type TileResource, tilePath } from './tile-path.ts';
export { formatTlogProof, parseTlogProof, type TlogProof, verifyTlogProof } from './tlog-proof.ts';
export { MAX_TREE_SIZE } from './tree-size.ts';
export {
  formatVerifierKey,
  keyId,
  parseVerifierKey,
  type SignatureType,
  type VerifierKey,
} from './verifier-key.ts';
export {
  type ConsistencyClaim,
  type InclusionClaim,
  rootFromInclusionProof,
  verifyConsistency,
  verifyInclusion,
} from './verify-proof.ts';
