import { createHash } from 'node:crypto';
import type { IntentFact, ReconciliationStore } from '../application/ports/ledger.ts';
import type { InMemoryDatabase } from './in-memory-database.ts';

/** The comparison's progress in memory. */
export class InMemoryReconciliationStore implements ReconciliationStore {
  readonly #db: InMemoryDatabase;
  #position = 0n;

  constructor(db: InMemoryDatabase) {
    this.#db = db;
  }

  async position(): Promise<bigint> {
    return this.#position;
  }

  async advance(position: bigint): Promise<void> {
    if (position > this.#position) this.#position = position;
  }

  async facts(intentIds: readonly string[]): Promise<ReadonlyMap<string, IntentFact>> {
    const facts = new Map<string, IntentFact>();
    for (const intentId of intentIds) {
      const certificate = this.#db.certificates.get(intentId)?.certificate;
      const crl = this.#db.crls.get(intentId);
      const tbs = certificate?.tbs ?? crl?.tbs;
      if (tbs === undefined) continue;
      const stored = certificate?.state ?? crl?.state;
      const state = stored === 'pending' || stored === 'failed' ? stored : 'issued';
      facts.set(intentId, { intentId, state, tbsSha256: new Uint8Array(createHash('sha256').update(tbs).digest()) });
    }
    return facts;
  }
}
