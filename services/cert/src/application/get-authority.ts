import type { Authority } from '../domain/authority.ts';
import { authorityNotFound } from './issue-certificate.ts';
import type { AuthorityStore } from './ports/authority-store.ts';

/** One authority of a project. */
export class GetAuthority {
  readonly #authorities: AuthorityStore;

  constructor(deps: { readonly authorities: AuthorityStore }) {
    this.#authorities = deps.authorities;
  }

  /** @throws CertError `authority-not-found`. */
  async run(key: { project: string; id: string }): Promise<Authority> {
    const authority = await this.#authorities.find(key);
    if (authority === undefined) throw authorityNotFound({ ...key, field: 'name' });
    return authority;
  }
}
