import type { SignerError } from '../domain/errors.ts';
import type { Key, KeyName } from '../domain/key.ts';
import type { AskedSignature } from '../domain/ledger.ts';
import type { Call } from './call.ts';
import type { NewLedgerRow } from './ports/ledger.ts';

interface AttemptOrigin {
  readonly call: Call;
  readonly intentId: string;
  readonly keyName: KeyName;
}

/** A signature that was computed and waits for its ledger row: nobody has seen it. */
export interface ComputedAttempt extends AttemptOrigin {
  readonly kind: 'computed';
  readonly key: Key;
  readonly row: NewLedgerRow;
}

/** What was refused before anything was computed. */
export interface RefusedAttempt extends AttemptOrigin {
  readonly kind: 'refused';
  readonly error: SignerError;
  /** What was asked, where the key is known: the ledger may hold the intent's first signature, which goes before the refusal. */
  readonly asked: AskedSignature | undefined;
}

/** One item of a batch on its way to the ledger. */
export type SigningAttempt = ComputedAttempt | RefusedAttempt;

/** What the ledger is asked about an attempt. */
export function askedOf(attempt: SigningAttempt): AskedSignature | undefined {
  return attempt.kind === 'computed' ? attempt.row : attempt.asked;
}
