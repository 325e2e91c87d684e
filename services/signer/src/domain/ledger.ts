import { bytesEqual } from '@cert-tasks/kernel';
import { SignerError } from './errors.ts';
import type { TbsKind } from './tbs.ts';

/** A signature as its ledger row holds it. */
export interface Signature {
  readonly intentId: string;
  readonly keyVersion: number;
  /** As in a certificate's BIT STRING (ECDSA: DER). */
  readonly signature: Uint8Array;
  /** When the row was written, by the database's clock. */
  readonly signedAt: Date;
}

/** How an intent ended: what its one row of the ledger says. */
export type LedgerEntry =
  | {
      readonly state: 'signed';
      readonly intentId: string;
      readonly keyId: string;
      readonly keyVersion: number;
      readonly kind: TbsKind;
      readonly tbsSha256: Uint8Array;
      readonly signature: Uint8Array;
      readonly at: Date;
    }
  | { readonly state: 'voided'; readonly intentId: string; readonly keyId: string; readonly at: Date };

/** What a caller asks to have signed, as far as it tells one request from another. */
export interface AskedSignature {
  readonly keyId: string;
  readonly kind: TbsKind;
  readonly tbsSha256: Uint8Array;
}

/**
 * What the ledger's entry answers to a request for its intent: the first signature, to the same key and bytes alone.
 *
 * @throws SignerError `intent-voided`, `intent-conflict`; both are for good.
 */
export function answerOf(entry: LedgerEntry, asked: AskedSignature): Signature {
  if (entry.state === 'voided') {
    throw new SignerError('intent-voided', 'The intent was voided and is never signed. Make a new one.', {
      field: 'intent_id',
    });
  }
  const isSame =
    entry.keyId === asked.keyId && entry.kind === asked.kind && bytesEqual(entry.tbsSha256, asked.tbsSha256);
  if (!isSame) throw intentConflict();
  return signatureOf(entry);
}

/** The signature of a signed entry. */
export function signatureOf(entry: LedgerEntry & { readonly state: 'signed' }): Signature {
  const { intentId, keyVersion, signature, at } = entry;
  return { intentId, keyVersion, signature, signedAt: at };
}

/** The refusal of a second meaning for an intent. */
export function intentConflict(): SignerError {
  return new SignerError('intent-conflict', 'The intent was signed with another key or other bytes. Make a new one.', {
    field: 'intent_id',
  });
}
