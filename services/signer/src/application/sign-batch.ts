import type { Clock } from '@cert-tasks/kernel';
import { checkCertificate } from '../domain/certificate-rules.ts';
import { checkCrl } from '../domain/crl-rules.ts';
import { SignerError } from '../domain/errors.ts';
import { isCertificateAuthorityKey, type Key, type KeyName } from '../domain/key.ts';
import { keyDisabled, keyNotFound } from '../domain/key-errors.ts';
import { formatKeyName } from '../domain/key-name.ts';
import type { Signature } from '../domain/ledger.ts';
import { ruleBroken } from '../domain/signing-rule.ts';
import type { TbsKind } from '../domain/tbs.ts';
import { type Call, callerOf } from './call.ts';
import type { LedgerWriter } from './ledger-writer.ts';
import type { KeyLookup, OpenedKeys } from './opened-keys.ts';
import type { Sha256 } from './ports/sha256.ts';
import type { SigningAttempt } from './signing-attempt.ts';

/** What {@link signBatch} works with. */
export interface SignBatchDependencies {
  readonly openedKeys: OpenedKeys;
  readonly ledger: LedgerWriter;
  readonly clock: Clock;
  readonly sha256: Sha256;
}

/** One thing to sign. */
export interface SignItem {
  /** UUID in lower case. */
  readonly intentId: string;
  readonly keyName: KeyName;
  readonly kind: TbsKind;
  readonly tbs: Uint8Array;
}

/** One item's outcome. An error that is no SignerError is a failure: the item may have been signed, and a repeat tells. */
export type SignOutcome =
  | { readonly ok: true; readonly signature: Signature }
  | { readonly ok: false; readonly error: unknown };

/** Items that are parsed and signed in one turn of the event loop: a millisecond or two. */
const ITEMS_PER_TURN = 32;

/**
 * Signs a batch: outcomes in the order of the items, which MUST have different intents. Each item succeeds or fails by
 * itself.
 */
export async function signBatch(
  { openedKeys, ledger, clock, sha256 }: SignBatchDependencies,
  { items, call }: { readonly items: readonly SignItem[]; readonly call: Call },
): Promise<readonly SignOutcome[]> {
  // 1. The keys, opened; what each may sign comes with it.
  const lookups = await openedKeys.get(items.map(({ keyName }) => keyName));

  // 2. Each item is checked against its key's policy and signed. The signatures stay here: they exist for nobody yet.
  const attempting: Promise<Attempted>[] = [];
  for (const [i, item] of items.entries()) {
    if (i > 0 && i % ITEMS_PER_TURN === 0) await nextTurn();
    const lookup = lookups.get(formatKeyName(item.keyName)) ?? { state: 'missing' };
    attempting.push(attempted(attemptSignature({ item, lookup, call, now: clock.now(), sha256 })));
  }
  const attempts = await Promise.all(attempting);

  // 3. The ledger row is durable before the signature goes out. Refusals take the same way: an intent that was signed before
  //    answers with its first signature, and the event of a refusal is durable before the caller hears of it.
  return Promise.all(attempts.map((attempt) => (attempt.ok ? outcomeOf(ledger.submit(attempt.attempt)) : attempt)));
}

type Attempted =
  | { readonly ok: true; readonly attempt: SigningAttempt }
  | { readonly ok: false; readonly error: unknown };

async function attempted(attempting: Promise<SigningAttempt>): Promise<Attempted> {
  try {
    return { ok: true, attempt: await attempting };
  } catch (error) {
    return { ok: false, error };
  }
}

async function outcomeOf(signing: Promise<Signature>): Promise<SignOutcome> {
  try {
    return { ok: true, signature: await signing };
  } catch (error) {
    return { ok: false, error };
  }
}

/** Lets everything else that waits have its turn of the event loop. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Attempting {
  readonly item: SignItem;
  readonly lookup: KeyLookup;
  readonly call: Call;
  readonly now: Date;
  readonly sha256: Sha256;
}

async function attemptSignature({ item, lookup, call, now, sha256 }: Attempting): Promise<SigningAttempt> {
  const { intentId, keyName, kind, tbs } = item;
  const origin = { call, intentId, keyName };
  if (lookup.state === 'failed') throw lookup.error;
  if (lookup.state === 'missing') return { ...origin, kind: 'refused', error: keyNotFound('key'), asked: undefined };
  const { key } = lookup;
  const asked = { keyId: key.id, kind, tbsSha256: sha256(tbs) };
  if (lookup.state === 'disabled') return { ...origin, kind: 'refused', error: keyDisabled('key'), asked };
  try {
    const serial = checkItem(item, key, now);
    const signature = await lookup.opened.sign(tbs);
    const row = { ...asked, intentId, keyVersion: key.primaryVersion, tbs, signature, serial, caller: callerOf(call) };
    return { ...origin, kind: 'computed', key, row };
  } catch (error) {
    if (!(error instanceof SignerError) || error.code === 'overloaded') throw error;
    return { ...origin, kind: 'refused', error, asked };
  }
}

/** The serial number of a certificate, where the key may sign the item. */
function checkItem({ kind, tbs }: SignItem, key: Key, now: Date): Uint8Array | undefined {
  if (!isCertificateAuthorityKey(key)) throw ruleBroken('purpose', 'This key signs log checkpoints only.');
  if (kind === 'certificate') return checkCertificate(tbs, key, now).serial;
  checkCrl(tbs, key, now);
  return undefined;
}
