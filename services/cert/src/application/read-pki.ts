import type { AuthorityStore } from './ports/authority-store.ts';
import type { CrlStore, DueShard } from './ports/crl-store.ts';

/** A CRL as it is served. */
export interface ServedCrl {
  /** Changes with each CRL. */
  readonly id: string;
  readonly der: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
}

/** What relying parties fetch by the URLs inside certificates: signed data only, known by uid, of all projects. */
export class ReadPki {
  readonly #authorities: AuthorityStore;
  readonly #crls: CrlStore;

  constructor(deps: { readonly authorities: AuthorityStore; readonly crls: CrlStore }) {
    this.#authorities = deps.authorities;
    this.#crls = deps.crls;
  }

  /** The shard's current CRL; undefined where none was published, or there is no such shard. */
  async crl(shard: DueShard): Promise<ServedCrl | undefined> {
    const crl = await this.#crls.findCurrent(shard);
    if (crl?.der === undefined) return undefined;
    return { id: crl.id, der: crl.der, thisUpdate: crl.thisUpdate, nextUpdate: crl.nextUpdate };
  }

  /** An authority's certificate in DER; undefined while it has none. */
  async issuerCertificate(authorityUid: string): Promise<Uint8Array | undefined> {
    return (await this.#authorities.findByUid(authorityUid))?.certificate;
  }
}
