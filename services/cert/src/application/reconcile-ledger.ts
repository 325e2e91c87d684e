import { equalOctets } from '@cert-tasks/x509';
import type { IntentFact, Ledger, LedgerEntry, ReconciliationStore } from './ports/ledger.ts';

/** A ledger row that cert's intents do not account for. */
export interface LedgerBreach {
  readonly intentId: string;
  readonly position: bigint;
  readonly breach: 'no-intent' | 'other-bytes' | 'signed-but-failed' | 'voided-but-issued';
}

const BATCH = 500;

/**
 * Proves that the ledger and the intents are the same set (DESIGN 3.2), from where the last run ended. Run by one
 * leader at a time.
 */
export class ReconcileLedger {
  readonly #ledger: Ledger;
  readonly #store: ReconciliationStore;
  readonly #onBreach: (breach: LedgerBreach) => void;

  constructor(deps: {
    readonly ledger: Ledger;
    readonly store: ReconciliationStore;
    /** An alarm for people: metric and log. */
    readonly onBreach: (breach: LedgerBreach) => void;
  }) {
    this.#ledger = deps.ledger;
    this.#store = deps.store;
    this.#onBreach = deps.onBreach;
  }

  /** @returns whether there is more to compare. @throws CertError `signer-unavailable`. */
  async run(): Promise<boolean> {
    const entries = await this.#ledger.read({ afterPosition: await this.#store.position(), limit: BATCH });
    const last = entries.at(-1);
    if (last === undefined) return false;
    const facts = await this.#store.facts(entries.map((entry) => entry.intentId));
    for (const entry of entries) {
      const fact = facts.get(entry.intentId);
      // An intent that is still pending is recovery's to end, and this entry is looked at again.
      if (fact?.state === 'pending') {
        await this.#store.advance(entry.position - 1n);
        return false;
      }
      const breach = compare(entry, fact);
      if (breach !== undefined) this.#onBreach({ intentId: entry.intentId, position: entry.position, breach });
    }
    await this.#store.advance(last.position);
    return entries.length === BATCH;
  }
}

/** What is wrong between a settled ledger row and its intent; undefined where all is well. */
export function compare(entry: LedgerEntry, fact: IntentFact | undefined): LedgerBreach['breach'] | undefined {
  if (fact === undefined) return entry.voided ? undefined : 'no-intent';
  if (entry.voided) return fact.state === 'issued' ? 'voided-but-issued' : undefined;
  if (fact.state === 'failed') return 'signed-but-failed';
  return equalOctets(entry.tbsSha256, fact.tbsSha256) ? undefined : 'other-bytes';
}
