import type { Key } from '../domain/key.ts';
import type { KeyPageRequest } from './ports/key-store.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** A page of keys. */
export interface KeyPage {
  readonly keys: readonly Key[];
  /** The id that the next page starts after; undefined on the last page. */
  readonly nextAfterId: string | undefined;
}

/** A project's keys, in order of creation. */
export async function listKeys(work: UnitOfWork, page: KeyPageRequest): Promise<KeyPage> {
  // One more than asked for tells whether there is another page.
  const found = await work.read('list-keys', ({ keys }) => keys.list({ ...page, limit: page.limit + 1 }));
  const shown = found.slice(0, page.limit);
  return { keys: shown, nextAfterId: found.length > page.limit ? shown.at(-1)?.id : undefined };
}
