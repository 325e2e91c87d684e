import { failpoint } from '@cert-tasks/failpoint';
import { assembleCertificate, equalOctets, parseCertificate, verifyCertificateSignature } from '@cert-tasks/x509';
import { type ActiveAuthority, authorityKey, type KeyedAuthority } from '../domain/authority.ts';
import { type Certificate, certificateName, type ReleasedCertificate } from '../domain/certificate.ts';
import { signatureAlgorithm } from '../domain/certificate-template.ts';
import { CertError } from '../domain/errors.ts';
import type { CertEvent, Origin } from '../domain/event.ts';
import { formatSerial } from '../domain/serial.ts';
import type { CertificateStore } from './ports/certificate-store.ts';

/**
 * The certificate that an intent and its signature make, checked by reading it back: the bytes that were signed are the
 * bytes that were
 * stored and linted, and the issuer's key verifies them. A CA does not trust what it wrote until it has read it.
 *
 * @throws CertError `signature-invalid`.
 */
export function assembleIssued(input: {
  certificate: Certificate;
  issuer: KeyedAuthority;
  signature: Uint8Array;
}): Uint8Array {
  const { certificate, issuer, signature } = input;
  const der = assembleCertificate({
    tbs: certificate.tbs,
    signatureAlgorithm: signatureAlgorithm(issuer.keyAlgorithm),
    signature,
  });
  const parsed = parseCertificate(der);
  if (!equalOctets(parsed.tbs, certificate.tbs) || !verifyCertificateSignature(parsed, authorityKey(issuer))) {
    throw new CertError(
      'signature-invalid',
      `The signature for ${certificateName(certificate)} does not verify with its issuer's key.`,
      {
        advice: 'Run fsck; the signing key or the stored intent has been tampered with.',
      },
    );
  }
  return der;
}

/** Ends an intent that has its signature: verifies, stores, tells. */
export class CompleteIssuance {
  readonly #certificates: CertificateStore;

  constructor(deps: { readonly certificates: CertificateStore }) {
    this.#certificates = deps.certificates;
  }

  /** @returns undefined where somebody else has ended the intent meanwhile. @throws CertError `signature-invalid`. */
  async run(input: {
    certificate: Certificate;
    issuer: ActiveAuthority;
    signature: Uint8Array;
    origin: Origin;
  }): Promise<ReleasedCertificate | undefined> {
    const { certificate, origin } = input;
    const der = assembleIssued(input);
    failpoint('cert.issue.after-verify');
    const issued = await this.#certificates.markIssued({ certificate, der, event: issuedEvent(certificate, origin) });
    failpoint('cert.issue.after-commit');
    return issued ? { ...certificate, state: 'issued', der, version: certificate.version + 1n } : undefined;
  }
}

/** certificate.created, or certificate.renewed where it follows another. */
export function issuedEvent(certificate: Certificate, origin: Origin): CertEvent {
  return {
    type: certificate.renewedFrom === undefined ? 'certificate.created' : 'certificate.renewed',
    subject: certificateName(certificate),
    project: certificate.project,
    origin,
    result: 'success',
    reason: '',
    data: {
      authority: `projects/${certificate.project}/authorities/${certificate.authorityId}`,
      profile: certificate.profile,
      profileRevision: certificate.profileRevision,
      serialNumber: formatSerial(certificate.serial),
      notAfter: certificate.notAfter.toISOString(),
      names: [
        ...certificate.names.dnsNames,
        ...certificate.names.ipAddresses,
        ...certificate.names.uris,
        ...certificate.names.emailAddresses,
      ],
      ...(certificate.renewedFrom === undefined
        ? {}
        : { renewedFrom: certificateName({ project: certificate.project, id: certificate.renewedFrom }) }),
    },
  };
}
