import type { AuditEntry, GetInclusionProofResponse } from '@cert-tasks/contracts/audit/v1';
import {
  formatTlogProof,
  leafCommitment,
  leafHash,
  MerkleError,
  noteVerifier,
  parseTlogProof,
  parseVerifierKey,
  verifyTlogProof,
} from '@cert-tasks/merkle';

/**
 * The proof of one audit entry as a file that needs nothing else (C2SP tlog-proof): its `extra` line holds the canonical event and its salt as JSON, from
 * which a verifier computes the leaf itself.
 */
export function formatEntryProof(input: { entry: AuditEntry; proof: GetInclusionProofResponse }): string {
  const { entry, proof } = input;
  const extra = { event: entry.canonicalEvent, salt: Buffer.from(entry.salt).toString('base64') };
  return formatTlogProof({
    index: proof.index,
    proof: proof.hashes,
    checkpoint: proof.checkpoint?.signedNote ?? '',
    extra: Buffer.from(JSON.stringify(extra)),
  });
}

/** What a proof file proves. */
export interface VerifiedEntry {
  readonly index: bigint;
  readonly treeSize: bigint;
  readonly origin: string;
  /** The canonical event, whose commitment is in the tree. */
  readonly event: string;
}

/**
 * Verifies a proof file offline. The file is hostile; the verifier key is what is trusted.
 *
 * @throws MerkleError where anything does not hold.
 */
export function verifyEntryProof({ text, verifierKey }: { text: string; verifierKey: string }): VerifiedEntry {
  const { event, salt } = readExtra(parseTlogProof(text).extra);
  const leaf = leafHash(leafCommitment({ salt, canonicalEvent: Buffer.from(event) }));
  const origin = parseVerifierKey(verifierKey).name;
  const { index, checkpoint } = verifyTlogProof(text, {
    leafHash: leaf,
    policy: { origin, logKeys: [noteVerifier(verifierKey)] },
  });
  return { index, treeSize: checkpoint.size, origin, event };
}

function readExtra(extra: Uint8Array | undefined): { event: string; salt: Uint8Array } {
  try {
    const value: unknown = JSON.parse(Buffer.from(extra ?? []).toString());
    if (typeof value === 'object' && value !== null && 'event' in value && 'salt' in value) {
      const { event, salt } = value;
      if (typeof event === 'string' && typeof salt === 'string') return { event, salt: Buffer.from(salt, 'base64') };
    }
  } catch {
    // Told below, together with JSON of another shape.
  }
  throw new MerkleError(
    'INVALID_TLOG_PROOF',
    'The file holds no event: its body was erased, or another program wrote it.',
  );
}
