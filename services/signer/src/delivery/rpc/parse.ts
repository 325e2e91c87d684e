import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Duration } from '@bufbuild/protobuf/wkt';
import {
  type BatchSignRequest,
  type CertificateAuthorityPolicy as CertificateAuthorityPolicyMessage,
  type CreateKeyRequest,
  CreateKeyRequestSchema,
  type DisableKeyRequest,
  DisableKeyRequestSchema,
  KeyAlgorithm as KeyAlgorithmNumber,
  KeyPurpose as KeyPurposeNumber,
  type ResolveIntentRequest,
  type SignCheckpointRequest,
  TbsKind as TbsKindNumber,
} from '@cert-tasks/contracts/signer/v1';
import { RpcInputError } from '@cert-tasks/rpc';
import { type Call, callerOf } from '../../application/call.ts';
import type { CreateKeyInput } from '../../application/create-key.ts';
import type { DisableKeyInput } from '../../application/disable-key.ts';
import type { RequestClaim } from '../../application/ports/request-log.ts';
import type { ResolveIntentInput } from '../../application/resolve-intent.ts';
import type { SignItem } from '../../application/sign-batch.ts';
import type { SignCheckpointInput } from '../../application/sign-checkpoint.ts';
import type { KeyName } from '../../domain/key.ts';
import type { KeyAlgorithm } from '../../domain/key-algorithm.ts';
import { parseKeyName, parseProjectName } from '../../domain/key-name.ts';
import type { CertificateAuthorityPolicy, KeyPolicy } from '../../domain/key-policy.ts';
import type { TbsKind } from '../../domain/tbs.ts';

const ALGORITHMS: ReadonlyMap<KeyAlgorithmNumber, KeyAlgorithm> = new Map([
  [KeyAlgorithmNumber.EC_P256, 'ec-p256'],
  [KeyAlgorithmNumber.EC_P384, 'ec-p384'],
  [KeyAlgorithmNumber.RSA_2048, 'rsa-2048'],
  [KeyAlgorithmNumber.RSA_3072, 'rsa-3072'],
  [KeyAlgorithmNumber.RSA_4096, 'rsa-4096'],
  [KeyAlgorithmNumber.ED25519, 'ed25519'],
]);

const KINDS: ReadonlyMap<TbsKindNumber, TbsKind> = new Map([
  [TbsKindNumber.CERTIFICATE, 'certificate'],
  [TbsKindNumber.CRL, 'crl'],
]);

/** The key that a field names. @throws RpcInputError naming the field. */
export function keyNameOf(name: string, field: string): KeyName {
  const parsed = parseKeyName(name);
  if (parsed === undefined) throw invalid(field, 'Name a key as projects/{project}/keys/{key}.');
  return parsed;
}

/** The project that `parent` names. @throws RpcInputError. */
export function projectOf(parent: string): string {
  const project = parseProjectName(parent);
  if (project === undefined) throw invalid('parent', 'Name a project as projects/{project}.');
  return project;
}

/** @throws RpcInputError naming the field at fault. */
export function parseCreateKey(request: CreateKeyRequest, call: Call): CreateKeyInput {
  const project = projectOf(request.parent);
  const algorithm = ALGORITHMS.get(request.algorithm);
  if (algorithm === undefined) throw invalid('algorithm', 'Choose an algorithm.');
  return {
    name: { project, key: request.keyId },
    algorithm,
    policy: policyOf(request),
    request: claimOf(CreateKeyRequestSchema, request, { project, call }),
    call,
  };
}

function policyOf(request: CreateKeyRequest): KeyPolicy {
  const { certificateAuthorityPolicy: authority, checkpointOrigin: origin } = request;
  switch (request.purpose) {
    case KeyPurposeNumber.CERTIFICATE_AUTHORITY:
      if (origin !== '') throw invalid('checkpoint_origin', 'Only a key for log checkpoints has an origin.');
      if (authority === undefined) throw invalid('certificate_authority_policy', 'Say what the key may sign.');
      return authorityPolicyOf(authority);
    case KeyPurposeNumber.LOG_CHECKPOINT:
      if (authority !== undefined) {
        throw invalid('certificate_authority_policy', 'Only a key of a certificate authority has such a policy.');
      }
      return { purpose: 'log-checkpoint', origin };
    default:
      throw invalid('purpose', 'Choose a purpose.');
  }
}

function authorityPolicyOf(policy: CertificateAuthorityPolicyMessage): CertificateAuthorityPolicy {
  const { issuerName, maxValidity, maySignAuthorities, maxPathLength } = policy;
  return {
    purpose: 'certificate-authority',
    issuerName,
    maxValiditySeconds: secondsOf(maxValidity),
    maySignAuthorities,
    maxPathLength,
  };
}

/** Whole seconds; the use case bounds them. */
function secondsOf(duration: Duration | undefined): number {
  if (duration === undefined || duration.nanos !== 0) {
    throw invalid('certificate_authority_policy.max_validity', 'Give the longest validity in whole seconds.');
  }
  return Number(duration.seconds);
}

/** @throws RpcInputError naming the field at fault. */
export function parseDisableKey(request: DisableKeyRequest, call: Call): DisableKeyInput {
  const name = keyNameOf(request.name, 'name');
  return {
    name,
    etag: request.etag === '' ? undefined : request.etag,
    reason: request.reason,
    request: claimOf(DisableKeyRequestSchema, request, { project: name.project, call }),
    call,
  };
}

/** What the request is remembered by; undefined without a request id. */
function claimOf<Desc extends DescMessage>(
  schema: Desc,
  request: MessageShape<Desc> & { readonly requestId: string },
  { project, call }: { readonly project: string; readonly call: Call },
): RequestClaim | undefined {
  const { requestId } = request;
  if (requestId === '') return undefined;
  if (!/^[\x20-\x7e]+$/.test(requestId)) throw invalid('request_id', 'Use printable ASCII characters.');
  const content = toBinary(schema, { ...request, requestId: '' });
  return { project, caller: callerOf(call), method: call.action, requestId, content };
}

/** @throws RpcInputError naming the item and field at fault: then nothing of the batch was tried. */
export function parseBatchSign({ items }: BatchSignRequest): readonly SignItem[] {
  const seen = new Set<string>();
  return items.map((item, i) => {
    const kind = KINDS.get(item.kind);
    if (kind === undefined) throw invalid(`items[${i}].kind`, 'Say whether it is a certificate or a CRL.');
    const intentId = item.intentId.toLowerCase();
    if (seen.has(intentId)) throw invalid(`items[${i}].intent_id`, 'An intent may be in a batch once.');
    seen.add(intentId);
    return { intentId, keyName: keyNameOf(item.key, `items[${i}].key`), kind, tbs: item.tbs };
  });
}

/** @throws RpcInputError naming the field at fault. */
export function parseResolveIntent({ intentId, key }: ResolveIntentRequest, call: Call): ResolveIntentInput {
  return { intentId: intentId.toLowerCase(), keyName: keyNameOf(key, 'key'), call };
}

/** @throws RpcInputError naming the field at fault. */
export function parseSignCheckpoint(request: SignCheckpointRequest): SignCheckpointInput {
  const { key, treeSize, rootHash, oldSize, consistencyProof } = request;
  return { keyName: keyNameOf(key, 'key'), proposed: { treeSize, rootHash, oldSize, consistencyProof } };
}

function invalid(field: string, message: string): RpcInputError {
  return new RpcInputError('invalid-field', message, { field });
}
