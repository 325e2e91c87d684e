import type { LedgerEntry } from '../../domain/ledger.ts';
import type { TbsKind } from '../../domain/tbs.ts';

/** A signature to be recorded. */
export interface NewLedgerRow {
  readonly intentId: string;
  readonly keyId: string;
  readonly keyVersion: number;
  readonly kind: TbsKind;
  readonly tbs: Uint8Array;
  readonly tbsSha256: Uint8Array;
  readonly signature: Uint8Array;
  /** A certificate's serial number, big-endian without leading zeros; undefined for a CRL. */
  readonly serial: Uint8Array | undefined;
  readonly caller: string;
}

/** An intent to be ended without a signature. */
export interface NewVoidedRow {
  readonly intentId: string;
  readonly keyId: string;
  readonly caller: string;
}

/** A row as it is told to those who reconcile. */
export interface LedgerListing {
  readonly position: bigint;
  readonly intentId: string;
  readonly keyName: { readonly project: string; readonly key: string };
  /** Undefined where the intent was voided. */
  readonly signed: { readonly kind: TbsKind; readonly tbsSha256: Uint8Array } | undefined;
  readonly at: Date;
}

/** The record of every signature: rows are inserted, never changed, never deleted. */
export interface Ledger {
  /**
   * Inserts each row whose key is enabled, holding the keys so that a disabling waits, and whose intent and serial are
   * free. Rows MUST have different intents.
   *
   * @returns the time of each row inserted, by intent. A row that is missing was refused by one of the three.
   */
  insertSigned(rows: readonly NewLedgerRow[]): Promise<ReadonlyMap<string, Date>>;
  /** The time of the row; undefined where the intent has a row already. */
  insertVoided(row: NewVoidedRow): Promise<Date | undefined>;
  /** The entries of those intents that have one. */
  find(intentIds: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>>;
  /**
   * Rows after a position, in order, up to the first that is younger than `settleMs`: before a younger one another may
   * still commit.
   */
  listSettled(page: {
    readonly afterPosition: bigint;
    readonly limit: number;
    readonly settleMs: number;
  }): Promise<readonly LedgerListing[]>;
}
