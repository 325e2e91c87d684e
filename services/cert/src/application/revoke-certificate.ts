import { failpoint } from '@cert-tasks/failpoint';
import { type Certificate, certificateName } from '../domain/certificate.ts';
import { CertError } from '../domain/errors.ts';
import type { CertEvent, Origin } from '../domain/event.ts';
import { AUTHORITY_PROFILE } from '../domain/issuance-profile.ts';
import type { RevocationReason } from '../domain/revocation-reason.ts';
import { formatSerial } from '../domain/serial.ts';
import { certificateNotFound } from './get-certificate.ts';
import type { CertificateStore, RequestClaim } from './ports/certificate-store.ts';

/** A revocation asked for. */
export interface RevokeCertificateInput {
  readonly project: string;
  readonly id: string;
  readonly reason: RevocationReason;
  /** The version that the caller's etag stands for; undefined: any. */
  readonly version: bigint | undefined;
  readonly claim: RequestClaim | undefined;
  readonly origin: Origin;
}

/** Revokes for good (docs/flows/revocation.md). */
export class RevokeCertificate {
  readonly #certificates: CertificateStore;
  readonly #onRevoked: () => void;

  constructor(deps: {
    readonly certificates: CertificateStore;
    /** Wakes the CRL loop of this process; others poll. */
    readonly onRevoked: () => void;
  }) {
    this.#certificates = deps.certificates;
    this.#onRevoked = deps.onRevoked;
  }

  /** @throws CertError as the contract of RevokeCertificate lists. */
  async run(input: RevokeCertificateInput): Promise<Certificate> {
    if (input.reason === 'ca-compromise') {
      throw new CertError(
        'reason-not-allowed',
        'CA_COMPROMISE is for the certificates of authorities (RFC 5280, 5.3.1).',
        {
          field: 'reason',
          advice: 'For the key of this certificate, give KEY_COMPROMISE.',
        },
      );
    }
    const result = await this.#certificates.revoke({
      ...input,
      event: (certificate) => revokedEvent(certificate, input),
    });
    switch (result.outcome) {
      case 'revoked':
        failpoint('cert.revoke.after-commit');
        this.#onRevoked();
        return result.certificate;
      case 'not-found':
        throw certificateNotFound(input);
      case 'unchanged':
        return alreadySo(result.certificate, input);
    }
  }
}

/** The guarded write changed nothing: the same revocation again is an answer, anything else a refusal. */
function alreadySo(certificate: Certificate, input: RevokeCertificateInput): Certificate {
  const name = certificateName(certificate);
  if (certificate.profile === AUTHORITY_PROFILE && certificate.state === 'issued') {
    throw new CertError(
      'certificate-not-issued',
      `${name} is an authority's own certificate and cannot be revoked by this call.`,
      { field: 'name' },
    );
  }
  if (certificate.state === 'revoked') {
    if (certificate.revocation?.reason === input.reason) return certificate;
    throw new CertError('already-revoked', `${name} was revoked before, for ${certificate.revocation?.reason}.`, {
      field: 'reason',
      advice: 'A revocation cannot be changed.',
    });
  }
  if (certificate.state !== 'issued') {
    throw new CertError('certificate-not-issued', `${name} cannot be revoked: it is ${certificate.state}.`, {
      field: 'name',
    });
  }
  throw new CertError('etag-mismatch', `${name} has changed since it was read.`, {
    field: 'etag',
    advice: 'Read it again and repeat with its etag.',
  });
}

function revokedEvent(certificate: Certificate, input: RevokeCertificateInput): CertEvent {
  return {
    type: 'certificate.revoked',
    subject: certificateName(certificate),
    project: certificate.project,
    origin: input.origin,
    result: 'success',
    reason: '',
    data: {
      authority: `projects/${certificate.project}/authorities/${certificate.authorityId}`,
      serialNumber: formatSerial(certificate.serial),
      revocationReason: input.reason,
      crlShard: certificate.crlShard,
    },
  };
}
