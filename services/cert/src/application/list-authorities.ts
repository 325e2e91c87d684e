import type { Authority } from '../domain/authority.ts';
import type { AuthorityStore } from './ports/authority-store.ts';

/** A page of authorities. */
export interface AuthorityPage {
  readonly authorities: readonly Authority[];
  /** Where the next page begins; undefined on the last. */
  readonly next: { readonly createdAt: Date; readonly uid: string } | undefined;
}

/** A project's authorities, the oldest first, page by page. */
export class ListAuthorities {
  readonly #authorities: AuthorityStore;

  constructor(deps: { readonly authorities: AuthorityStore }) {
    this.#authorities = deps.authorities;
  }

  /** At most `query.limit` authorities. */
  async run(query: Parameters<AuthorityStore['list']>[0]): Promise<AuthorityPage> {
    // One more than asked for tells whether there is a next page, without counting.
    const found = await this.#authorities.list({ ...query, limit: query.limit + 1 });
    const authorities = found.slice(0, query.limit);
    const last = authorities.at(-1);
    if (found.length <= query.limit || last === undefined) return { authorities, next: undefined };
    return { authorities, next: { createdAt: last.createdAt, uid: last.uid } };
  }
}
