import type { Authority } from '../domain/authority.ts';
import { type Certificate, certificateName } from '../domain/certificate.ts';
import { CertError } from '../domain/errors.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { CertificateStore } from './ports/certificate-store.ts';

/** One certificate with its authority, whose chain it stands on. */
export class GetCertificate {
  readonly #certificates: CertificateStore;
  readonly #authorities: AuthorityStore;

  constructor(deps: { readonly certificates: CertificateStore; readonly authorities: AuthorityStore }) {
    this.#certificates = deps.certificates;
    this.#authorities = deps.authorities;
  }

  /** @throws CertError `certificate-not-found`. */
  async run(key: {
    project: string;
    id: string;
  }): Promise<{ certificate: Certificate; issuer: Authority | undefined }> {
    const certificate = await this.#certificates.find(key);
    if (certificate === undefined) throw certificateNotFound(key);
    return { certificate, issuer: await this.#authorities.findByUid(certificate.authorityUid) };
  }
}

/** The refusal of a certificate that is not there, or another project's: nobody can tell which. */
export function certificateNotFound(key: { project: string; id: string }): CertError {
  return new CertError('certificate-not-found', `There is no certificate ${certificateName(key)}.`, {
    field: 'name',
    advice: 'List the certificates of the project.',
  });
}
