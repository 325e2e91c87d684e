import type { Duration } from '@bufbuild/protobuf/wkt';
import { RevocationReason as WireReason } from '@cert-tasks/contracts/cert/v1';
import { KeyAlgorithm as WireAlgorithm } from '@cert-tasks/contracts/signer/v1';
import { parseResourceName } from '@cert-tasks/kernel';
import { decodePem, X509Error } from '@cert-tasks/x509';
import type { KeyAlgorithm } from '../../domain/authority.ts';
import { CertError } from '../../domain/errors.ts';
import type { RevocationReason } from '../../domain/revocation-reason.ts';

/** The project of a parent. @throws CertError `resource-name-malformed`. */
export function parseParent(parent: string): string {
  const ids = parseResourceName(parent, 'projects/{project}');
  if (ids !== undefined) return ids.project;
  throw malformed({ field: 'parent', form: 'projects/{project}' });
}

/** @throws CertError `resource-name-malformed`. */
export function parseCertificateName(name: string): { project: string; id: string } {
  const form = 'projects/{project}/certificates/{certificate}';
  const ids = parseResourceName(name, form);
  if (ids !== undefined) return { project: ids.project, id: ids.certificate };
  throw malformed({ field: 'name', form });
}

/** @throws CertError `resource-name-malformed` naming the field. */
export function parseAuthorityName(name: string, { field }: { field: string }): { project: string; id: string } {
  const form = 'projects/{project}/authorities/{authority}';
  const ids = parseResourceName(name, form);
  if (ids !== undefined) return { project: ids.project, id: ids.authority };
  throw malformed({ field, form });
}

/**
 * The id of an authority that a request in a project names; undefined for the empty name.
 * @throws CertError `resource-name-malformed`; `authority-not-found` for another project's, whether it exists or not.
 */
export function parseAuthorityReference(
  name: string,
  { project, field }: { project: string; field: string },
): string | undefined {
  if (name === '') return undefined;
  const key = parseAuthorityName(name, { field });
  if (key.project === project) return key.id;
  throw new CertError('authority-not-found', `Project ${project} has no authority ${name}.`, {
    field,
    advice: 'Authorities are used in their own project.',
  });
}

function malformed({ field, form }: { field: string; form: string }): CertError {
  return new CertError('resource-name-malformed', `${field} must have the form "${form}".`, {
    field,
    advice: 'Ids are 1 to 63 of a-z, 0-9 and "-".',
  });
}

/** Milliseconds, parts of them dropped; undefined where there is none. */
export function parseDuration(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1_000 + Math.floor(duration.nanos / 1_000_000);
}

/** The DER of a PEM request. @throws CertError `csr-malformed`. */
export function parsePemRequest(pem: string): Uint8Array {
  try {
    return decodePem(pem, 'CERTIFICATE REQUEST', { maxLength: 98_304, maxBlocks: 1 });
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw new CertError('csr-malformed', `The certification request is not valid PEM: ${cause.message}.`, {
      field: 'csr_pem',
      advice: 'Send one block "-----BEGIN CERTIFICATE REQUEST-----" (RFC 7468).',
      cause,
    });
  }
}

/**
 * The version that an etag stands for; undefined for the empty etag. @throws CertError `etag-mismatch` for what is no
 * etag of ours.
 */
export function parseEtag(etag: string): bigint | undefined {
  if (etag === '') return undefined;
  if (/^[0-9]{1,18}$/.test(etag)) return BigInt(etag);
  throw new CertError('etag-mismatch', 'The etag is not one of this resource.', {
    field: 'etag',
    advice: 'Read the resource again and repeat with its etag.',
  });
}

const ALGORITHMS: Readonly<Record<WireAlgorithm, KeyAlgorithm>> = {
  [WireAlgorithm.UNSPECIFIED]: 'ec-p256',
  [WireAlgorithm.EC_P256]: 'ec-p256',
  [WireAlgorithm.EC_P384]: 'ec-p384',
  [WireAlgorithm.RSA_2048]: 'rsa-2048',
  [WireAlgorithm.RSA_3072]: 'rsa-3072',
  [WireAlgorithm.RSA_4096]: 'rsa-4096',
  [WireAlgorithm.ED25519]: 'ed25519',
};

/** The algorithm asked for; unspecified means EC P-256. The contract lets nothing else through. */
export function parseKeyAlgorithm(algorithm: WireAlgorithm): KeyAlgorithm {
  return ALGORITHMS[algorithm];
}

const REASONS: Readonly<Record<WireReason, RevocationReason>> = {
  // Refused by the contract.
  [WireReason.UNSPECIFIED]: 'not-stated',
  [WireReason.NOT_STATED]: 'not-stated',
  [WireReason.KEY_COMPROMISE]: 'key-compromise',
  [WireReason.CA_COMPROMISE]: 'ca-compromise',
  [WireReason.AFFILIATION_CHANGED]: 'affiliation-changed',
  [WireReason.SUPERSEDED]: 'superseded',
  [WireReason.CESSATION_OF_OPERATION]: 'cessation-of-operation',
  [WireReason.PRIVILEGE_WITHDRAWN]: 'privilege-withdrawn',
};

/** The reason given. */
export function parseRevocationReason(reason: WireReason): RevocationReason {
  return REASONS[reason];
}
