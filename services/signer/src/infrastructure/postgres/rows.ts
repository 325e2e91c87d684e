import type { KeyMaterial } from '../../application/ports/key-backend.ts';
import type { LedgerListing } from '../../application/ports/ledger.ts';
import type { SignedCheckpoint } from '../../domain/checkpoint.ts';
import { SignerError } from '../../domain/errors.ts';
import type { Key, KeyState } from '../../domain/key.ts';
import { KEY_ALGORITHMS } from '../../domain/key-algorithm.ts';
import type { KeyPurpose } from '../../domain/key-policy.ts';
import { parseKeyPolicyDocument } from '../../domain/key-policy-document.ts';
import type { LedgerEntry } from '../../domain/ledger.ts';
import type { TbsKind } from '../../domain/tbs.ts';

/** A row of `keys` with the public key of its primary version. */
export interface KeyRow {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly purpose: string;
  readonly algorithm: string;
  readonly policy: unknown;
  readonly state: string;
  readonly primary_version: number;
  readonly etag: string;
  readonly created_at: Date;
  readonly disabled_at: Date | null;
  readonly public_key: Uint8Array;
}

/** What `key_versions` has beside the public key. */
export interface MaterialRow {
  readonly sealed: Uint8Array;
  readonly wrapped_data_key: Uint8Array;
  readonly kek_id: string;
}

/** A row of `ledger` without its TBS. */
export interface LedgerRow {
  readonly intent_id: string;
  readonly key_id: string;
  readonly key_version: number | null;
  readonly kind: string | null;
  readonly tbs_sha256: Uint8Array | null;
  readonly signature: Uint8Array | null;
  readonly state: string;
  readonly created_at: Date;
}

/** A row of `ledger` as it is listed. */
export interface ListingRow {
  readonly position: bigint;
  readonly intent_id: string;
  readonly project: string;
  readonly name: string;
  readonly kind: string | null;
  readonly tbs_sha256: Uint8Array | null;
  readonly created_at: Date;
}

/** A row of `checkpoint_ledger`. */
export interface CheckpointRow {
  readonly tree_size: bigint;
  readonly root_hash: Uint8Array;
  readonly note_body: string;
  readonly signature: Uint8Array;
}

const PURPOSES: readonly KeyPurpose[] = ['certificate-authority', 'log-checkpoint'];
const STATES: readonly KeyState[] = ['enabled', 'disabled'];
const KINDS: readonly TbsKind[] = ['certificate', 'crl'];

/** The key of a row. @throws SignerError `sealed-key-corrupt` where someone changed it into what is no key. */
export function keyFromRow(row: KeyRow): Key {
  const purpose = PURPOSES.find((candidate) => candidate === row.purpose);
  const algorithm = KEY_ALGORITHMS.find((candidate) => candidate === row.algorithm);
  const state = STATES.find((candidate) => candidate === row.state);
  const policy = purpose && parseKeyPolicyDocument(purpose, row.policy);
  if (algorithm === undefined || state === undefined || policy === undefined) throw corruptKey(row.id);
  return {
    id: row.id,
    name: { project: row.project, key: row.name },
    algorithm,
    policy,
    state,
    primaryVersion: row.primary_version,
    publicKey: row.public_key,
    createdAt: row.created_at,
    disabledAt: row.disabled_at ?? undefined,
    etag: row.etag,
  };
}

function corruptKey(id: string): SignerError {
  return new SignerError(
    'sealed-key-corrupt',
    'The row of this key was changed and describes no key any more. Restore the row from a backup.',
    { metadata: { uid: id } },
  );
}

/** The material of a row. */
export function materialFromRow(row: MaterialRow): KeyMaterial {
  return { sealed: row.sealed, wrappedDataKey: row.wrapped_data_key, kekId: row.kek_id };
}

/** The entry of a row. Rows that the table's checks would refuse are defects. */
export function entryFromRow(row: LedgerRow): LedgerEntry {
  const { intent_id: intentId, key_id: keyId, created_at: at } = row;
  if (row.state === 'voided') return { state: 'voided', intentId, keyId, at };
  const kind = KINDS.find((candidate) => candidate === row.kind);
  if (kind === undefined || row.key_version === null || row.tbs_sha256 === null || row.signature === null) {
    throw new Error(`The ledger's row of intent ${intentId} is neither signed nor voided.`);
  }
  const { key_version: keyVersion, tbs_sha256: tbsSha256, signature } = row;
  return { state: 'signed', intentId, keyId, keyVersion, kind, tbsSha256, signature, at };
}

/** The listing of a row. */
export function listingFromRow(row: ListingRow): LedgerListing {
  const kind = KINDS.find((candidate) => candidate === row.kind);
  const isSigned = kind !== undefined && row.tbs_sha256 !== null;
  return {
    position: row.position,
    intentId: row.intent_id,
    keyName: { project: row.project, key: row.name },
    signed: isSigned ? { kind, tbsSha256: row.tbs_sha256 } : undefined,
    at: row.created_at,
  };
}

/** The checkpoint of a row. */
export function checkpointFromRow(row: CheckpointRow): SignedCheckpoint {
  return { treeSize: row.tree_size, rootHash: row.root_hash, noteBody: row.note_body, signature: row.signature };
}
