/** One row of signer's ledger. */
export interface LedgerEntry {
  readonly position: bigint;
  readonly intentId: string;
  readonly keyName: string;
  readonly kind: 'certificate' | 'crl';
  readonly tbsSha256: Uint8Array;
  readonly voided: boolean;
}

/** Signer's ledger, read in order. */
export interface Ledger {
  /** Settled entries after a position. @throws CertError `signer-unavailable`. */
  read(input: { readonly afterPosition: bigint; readonly limit: number }): Promise<readonly LedgerEntry[]>;
}

/** What cert knows of an intent, for the comparison with the ledger. */
export interface IntentFact {
  readonly intentId: string;
  readonly state: 'pending' | 'issued' | 'failed';
  readonly tbsSha256: Uint8Array;
}

/** How far the comparison has come, and cert's side of it. */
export interface ReconciliationStore {
  position(): Promise<bigint>;
  /** Grows only. */
  advance(position: bigint): Promise<void>;
  facts(intentIds: readonly string[]): Promise<ReadonlyMap<string, IntentFact>>;
}
