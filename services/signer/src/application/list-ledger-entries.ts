import type { LedgerListing } from './ports/ledger.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** What {@link listLedgerEntries} works with. */
export interface ListLedgerEntriesDependencies {
  readonly work: UnitOfWork;
  /** How old a row has to be, in milliseconds: longer than any transaction that inserts rows can last. */
  readonly settleMs: number;
}

/** The settled entries of the ledger after a position, in order. */
export function listLedgerEntries(
  { work, settleMs }: ListLedgerEntriesDependencies,
  page: { readonly afterPosition: bigint; readonly limit: number },
): Promise<readonly LedgerListing[]> {
  return work.read('list-ledger-entries', ({ ledger }) => ledger.listSettled({ ...page, settleMs }));
}
