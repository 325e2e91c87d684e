import type { Certificate } from '../domain/certificate.ts';
import type { CertificateQuery, CertificateStore } from './ports/certificate-store.ts';

/** A page of certificates. */
export interface CertificatePage {
  readonly certificates: readonly Certificate[];
  /** Where the next page begins; undefined on the last. */
  readonly next: { readonly at: Date; readonly id: string } | undefined;
}

/** A project's certificates, page by page in a stable order. */
export class ListCertificates {
  readonly #certificates: CertificateStore;

  constructor(deps: { readonly certificates: CertificateStore }) {
    this.#certificates = deps.certificates;
  }

  /** At most `query.limit` certificates. */
  async run(query: CertificateQuery): Promise<CertificatePage> {
    // One more than asked for tells whether there is a next page, without counting.
    const found = await this.#certificates.list({ ...query, limit: query.limit + 1 });
    const certificates = found.slice(0, query.limit);
    const last = certificates.at(-1);
    if (found.length <= query.limit || last === undefined) return { certificates, next: undefined };
    return { certificates, next: { at: query.order.by === 'created' ? last.createdAt : last.notAfter, id: last.id } };
  }
}
