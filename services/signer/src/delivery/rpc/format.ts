import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  KeyAlgorithm as KeyAlgorithmNumber,
  KeyPurpose as KeyPurposeNumber,
  type KeySchema,
  KeyState as KeyStateNumber,
  type LedgerEntrySchema,
  type SignatureSchema,
  type SignOutcomeSchema,
  TbsKind as TbsKindNumber,
} from '@cert-tasks/contracts/signer/v1';
import type { LedgerListing } from '../../application/ports/ledger.ts';
import type { SignOutcome } from '../../application/sign-batch.ts';
import type { Key, KeyState } from '../../domain/key.ts';
import type { KeyAlgorithm } from '../../domain/key-algorithm.ts';
import { formatKeyName } from '../../domain/key-name.ts';
import type { KeyPolicy, KeyPurpose } from '../../domain/key-policy.ts';
import type { Signature } from '../../domain/ledger.ts';
import type { TbsKind } from '../../domain/tbs.ts';
import { outcomeStatus } from './outcome-status.ts';

const PURPOSES: Readonly<Record<KeyPurpose, KeyPurposeNumber>> = {
  'certificate-authority': KeyPurposeNumber.CERTIFICATE_AUTHORITY,
  'log-checkpoint': KeyPurposeNumber.LOG_CHECKPOINT,
};

const ALGORITHMS: Readonly<Record<KeyAlgorithm, KeyAlgorithmNumber>> = {
  'ec-p256': KeyAlgorithmNumber.EC_P256,
  'ec-p384': KeyAlgorithmNumber.EC_P384,
  'rsa-2048': KeyAlgorithmNumber.RSA_2048,
  'rsa-3072': KeyAlgorithmNumber.RSA_3072,
  'rsa-4096': KeyAlgorithmNumber.RSA_4096,
  ed25519: KeyAlgorithmNumber.ED25519,
};

const STATES: Readonly<Record<KeyState, KeyStateNumber>> = {
  enabled: KeyStateNumber.ENABLED,
  disabled: KeyStateNumber.DISABLED,
};

const KINDS: Readonly<Record<TbsKind, TbsKindNumber>> = {
  certificate: TbsKindNumber.CERTIFICATE,
  crl: TbsKindNumber.CRL,
};

/** A key as the contract has it. */
export function formatKey(key: Key): MessageInitShape<typeof KeySchema> {
  return {
    name: formatKeyName(key.name),
    uid: key.id,
    purpose: PURPOSES[key.policy.purpose],
    algorithm: ALGORITHMS[key.algorithm],
    state: STATES[key.state],
    primaryVersion: key.primaryVersion,
    publicKeyDer: key.publicKey,
    ...formatPolicy(key.policy),
    createTime: timestampFromDate(key.createdAt),
    ...(key.disabledAt !== undefined && { disableTime: timestampFromDate(key.disabledAt) }),
    etag: key.etag,
  };
}

function formatPolicy(policy: KeyPolicy): MessageInitShape<typeof KeySchema> {
  if (policy.purpose === 'log-checkpoint') return { checkpointOrigin: policy.origin };
  const { issuerName, maxValiditySeconds, maySignAuthorities, maxPathLength } = policy;
  return {
    certificateAuthorityPolicy: {
      issuerName,
      maxValidity: { seconds: BigInt(maxValiditySeconds) },
      maySignAuthorities,
      ...(maxPathLength !== undefined && { maxPathLength }),
    },
  };
}

/** A signature as the contract has it. */
export function formatSignature(signature: Signature): MessageInitShape<typeof SignatureSchema> {
  return {
    intentId: signature.intentId,
    keyVersion: signature.keyVersion,
    signature: signature.signature,
    signTime: timestampFromDate(signature.signedAt),
  };
}

/** One item's outcome as the contract has it. */
export function formatOutcome(outcome: SignOutcome): MessageInitShape<typeof SignOutcomeSchema> {
  if (outcome.ok) return { outcome: { case: 'signature', value: formatSignature(outcome.signature) } };
  return { outcome: { case: 'error', value: outcomeStatus(outcome.error) } };
}

/** A row of the ledger as the contract has it. */
export function formatLedgerEntry(entry: LedgerListing): MessageInitShape<typeof LedgerEntrySchema> {
  const { position, intentId, keyName, signed, at } = entry;
  return {
    position,
    intentId,
    key: formatKeyName(keyName),
    time: timestampFromDate(at),
    ...(signed === undefined ? { voided: true } : { kind: KINDS[signed.kind], tbsSha256: signed.tbsSha256 }),
  };
}
