import type { StoredEntry } from '../domain/entry-query.ts';
import { AuditError } from '../domain/errors.ts';
import type { LogReader } from './ports/log-reader.ts';

/** A project's entry. @throws AuditError `entry-not-found`. */
export async function getEntry(
  log: Pick<LogReader, 'find'>,
  entry: { readonly project: string; readonly eventId: string },
): Promise<StoredEntry> {
  const found = await log.find(entry);
  if (found !== undefined) return found;
  throw new AuditError('entry-not-found', 'The project has no audit entry of this name.', {
    field: 'name',
    advice: 'An event takes a moment to be sequenced. Find its entry with ListAuditEntries.',
  });
}
