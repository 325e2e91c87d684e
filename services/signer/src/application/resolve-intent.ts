import { failpoint } from '@cert-tasks/failpoint';
import type { KeyName } from '../domain/key.ts';
import { keyNotFound } from '../domain/key-errors.ts';
import { formatKeyName } from '../domain/key-name.ts';
import { intentConflict, type LedgerEntry, type Signature, signatureOf } from '../domain/ledger.ts';
import { type Call, callerOf } from './call.ts';
import type { SignerStores, UnitOfWork } from './ports/unit-of-work.ts';

/** An intent whose end is asked for. */
export interface ResolveIntentInput {
  /** UUID in lower case. */
  readonly intentId: string;
  readonly keyName: KeyName;
  readonly call: Call;
}

/** How an intent ended. */
export type IntentEnd =
  | { readonly state: 'signed'; readonly signature: Signature }
  | { readonly state: 'voided'; readonly voidedAt: Date };

/**
 * Ends an intent for good: with its signature where there is one, and otherwise voided. A signature that is on its way
 * meanwhile either has its row first, and is the answer, or finds the intent voided and never leaves.
 *
 * @throws SignerError `key-not-found`; `intent-conflict` where the intent is another key's.
 */
export async function resolveIntent(work: UnitOfWork, input: ResolveIntentInput): Promise<IntentEnd> {
  const end = await work.transaction('resolve-intent', async (stores) => {
    const key = await stores.keys.find(input.keyName);
    if (key === undefined) throw keyNotFound('key');
    const row = { intentId: input.intentId, keyId: key.id, caller: callerOf(input.call) };
    const voidedAt = await stores.ledger.insertVoided(row);
    if (voidedAt === undefined) return endOf(await existingEntry(stores, row));
    await stores.events.append([
      {
        type: 'signing.voided',
        subject: formatKeyName(input.keyName),
        project: input.keyName.project,
        call: input.call,
        refusal: undefined,
        data: { intents: [input.intentId] },
      },
    ]);
    return { state: 'voided', voidedAt } as const;
  });
  if (end.state === 'voided') failpoint('signer.resolve.after-void');
  return end;
}

async function existingEntry(
  stores: SignerStores,
  { intentId, keyId }: { readonly intentId: string; readonly keyId: string },
): Promise<LedgerEntry> {
  const entry = (await stores.ledger.find([intentId])).get(intentId);
  if (entry === undefined) throw new Error('The ledger refused an intent that it does not hold.');
  if (entry.keyId !== keyId) throw intentConflict();
  return entry;
}

function endOf(entry: LedgerEntry): IntentEnd {
  if (entry.state === 'voided') return { state: 'voided', voidedAt: entry.at };
  return { state: 'signed', signature: signatureOf(entry) };
}
