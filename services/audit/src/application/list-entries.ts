import type { EntryQuery, StoredEntry } from '../domain/entry-query.ts';
import type { LogReader } from './ports/log-reader.ts';

/** A page of a project's entries. */
export interface EntryPage {
  readonly entries: readonly StoredEntry[];
  /** The index after which the next page begins; undefined on the last. */
  readonly next: bigint | undefined;
}

/** A project's entries that meet all conditions, in order of their index. */
export async function listEntries(log: Pick<LogReader, 'list'>, query: EntryQuery): Promise<EntryPage> {
  // One more than asked for tells whether there is a next page.
  const found = await log.list({ ...query, limit: query.limit + 1 });
  const entries = found.slice(0, query.limit);
  return { entries, next: found.length > query.limit ? entries.at(-1)?.index : undefined };
}
