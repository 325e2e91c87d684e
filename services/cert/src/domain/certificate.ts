import type { RenewalWindow } from './renewal-window.ts';
import type { RevocationReason } from './revocation-reason.ts';

/**
 * Where a certificate is in its life.
 *
 *     pending → issued → revoked
 *        └→ failed
 *
 * `pending` is an intent: the exact bytes are durable, the signature is awaited. `failed` means that signer has voided
 * the intent: it was never
 * signed and never will be. Expiry is not a state.
 */
export type CertificateState = 'pending' | 'issued' | 'revoked' | 'failed';

/** The names in a subject alternative name, in text and in the order of the request. */
export interface SubjectAlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly emailAddresses: readonly string[];
}

/** A certificate as it is kept, from the intent on. */
export interface Certificate {
  /** A UUID: the last part of its name, and the intent's id towards signer. */
  readonly id: string;
  readonly project: string;
  readonly state: CertificateState;
  readonly authorityUid: string;
  /** The authority's resource id. */
  readonly authorityId: string;
  readonly profile: string;
  readonly profileRevision: number;
  /** 20 octets. */
  readonly serial: Uint8Array;
  /** RFC 4514; empty where all is in the names. */
  readonly subject: string;
  readonly names: SubjectAlternativeNames;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The exact bytes that were, or are to be, signed. */
  readonly tbs: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** DER; undefined while pending or failed. */
  readonly der: Uint8Array | undefined;
  readonly crlShard: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly renewal: RenewalWindow;
  readonly renewedFrom: string | undefined;
  readonly replacedBy: string | undefined;
  readonly revocation: { readonly at: Date; readonly reason: RevocationReason } | undefined;
  readonly createdAt: Date;
  readonly version: bigint;
}

/** "projects/{project}/certificates/{id}". */
export function certificateName({ project, id }: Pick<Certificate, 'project' | 'id'>): string {
  return `projects/${project}/certificates/${id}`;
}

/** An issued certificate, revoked or not: its DER is there. */
export type ReleasedCertificate = Certificate & { readonly der: Uint8Array };

/** Narrows to a certificate whose DER is there. */
export function isReleased(certificate: Certificate): certificate is ReleasedCertificate {
  return (certificate.state === 'issued' || certificate.state === 'revoked') && certificate.der !== undefined;
}
