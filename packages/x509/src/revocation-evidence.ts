import type { Certificate } from './certificate.ts';
import type { CertificateList } from './certificate-list.ts';
import type { RevocationReason } from './crl-extension.ts';
import type { BasicOcspResponse, OcspSingleResponse } from './ocsp-response.ts';

/** What a state of revocation was concluded from. */
export type RevocationSource =
  | {
      readonly kind: 'crl';
      readonly list: CertificateList;
      /** The delta CRL that was applied to it. */
      readonly delta: CertificateList | undefined;
      /** Whose key signed it. */
      readonly signer: Certificate;
    }
  | {
      readonly kind: 'ocsp';
      readonly response: BasicOcspResponse;
      readonly answer: OcspSingleResponse;
      readonly signer: Certificate;
    };

/** State of one certificate, and why. */
export type RevocationStatus =
  | { readonly kind: 'good'; readonly sources: readonly RevocationSource[] }
  | {
      readonly kind: 'revoked';
      readonly revocationDate: Date;
      readonly reason: RevocationReason;
      readonly source: RevocationSource;
    }
  /** `details`: why each CRL and OCSP response that was looked at gave no answer. */
  | { readonly kind: 'unknown'; readonly details: readonly string[] };

/** State of one certificate of a path. */
export interface RevocationEvidence {
  /** Position in the path; 0 is the leaf. */
  readonly certificateIndex: number;
  readonly status: RevocationStatus;
}
