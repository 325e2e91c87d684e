import { randomBytes, randomUUID } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { ErrorInfoSchema } from '@cert-tasks/contracts/google/rpc';
import {
  type CreateKeyRequestSchema,
  KeyAlgorithm,
  KeyPurpose,
  type SignItemSchema,
  type SignOutcome,
  TbsKind,
} from '@cert-tasks/contracts/signer/v1';
import type { RpcError } from '@cert-tasks/rpc';
import { ISSUER_NAME, sampleCertificate } from '../src/testing/sample-tbs.ts';

/** A request for a key. */
export type NewKey = MessageInitShape<typeof CreateKeyRequestSchema>;

/** A key of P-256 for a certificate authority that lacks its policy. */
export function bareKey(changes: NewKey = {}): NewKey {
  return {
    parent: 'projects/acme',
    keyId: `k-${randomUUID()}`,
    purpose: KeyPurpose.CERTIFICATE_AUTHORITY,
    algorithm: KeyAlgorithm.EC_P256,
    ...changes,
  };
}

/** A key of P-256 for a certificate authority whose certificates last an hour. */
export function newKey(changes: NewKey = {}): NewKey {
  const certificateAuthorityPolicy = { issuerName: ISSUER_NAME, maxValidity: { seconds: 3_600n } };
  return Object.assign(bareKey({ certificateAuthorityPolicy }), changes);
}

/** One thing to sign. */
export type Item = MessageInitShape<typeof SignItemSchema>;

/** A certificate to be signed with a key: a new intent and serial unless told. */
export function itemFor(
  key: { readonly name: string; readonly publicKeyDer: Uint8Array },
  changes: Item = {},
): Item & { tbs: Uint8Array } {
  const serial = BigInt(`0x${randomBytes(16).toString('hex')}`) + 1n;
  return {
    intentId: randomUUID(),
    key: key.name,
    kind: TbsKind.CERTIFICATE,
    tbs: sampleCertificate({ now: new Date(), spki: key.publicKeyDer, serial }),
    ...changes,
  } as Item & { tbs: Uint8Array };
}

/** `signed`, or the code and reason of an outcome. */
export function reasonOf(outcome: SignOutcome | undefined): string {
  if (outcome?.outcome.case === 'signature') return 'signed';
  const [detail] = outcome?.outcome.value?.details ?? [];
  const info = detail && anyUnpack(detail, ErrorInfoSchema);
  return info === undefined ? 'no reason' : `${outcome?.outcome.value?.code} ${info.reason}`;
}

/** The signature of an outcome that is one. */
export function signatureOf(outcome: SignOutcome | undefined): Uint8Array {
  if (outcome?.outcome.case !== 'signature') throw new Error(`Not signed: ${reasonOf(outcome)}`);
  return outcome.outcome.value.signature;
}

/** What a call was refused with. */
export function refused(call: Promise<unknown>): Promise<Pick<RpcError, 'rpcCode' | 'reason' | 'field'>> {
  return call.then(
    () => {
      throw new Error('It was not refused.');
    },
    ({ rpcCode, reason, field }: RpcError) => ({ rpcCode, reason, ...(field !== undefined && { field }) }),
  );
}
