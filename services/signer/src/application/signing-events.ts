import type { SignerError } from '../domain/errors.ts';
import { formatKeyName } from '../domain/key-name.ts';
import type { SignerEvent } from './ports/event-log.ts';
import type { ComputedAttempt, SigningAttempt } from './signing-attempt.ts';

/** An attempt that the policy, the key's state or the ledger refused. */
export interface Refusal {
  readonly attempt: SigningAttempt;
  readonly error: SignerError;
}

/**
 * The events of one ledger transaction: for each call and key one of what was signed, and one for each reason of refusal.
 * A call has at most 256 items, so the longest event holds 256 UUIDs, a third of the 32 KiB that an event may have.
 */
export function signingEvents(
  performed: readonly ComputedAttempt[],
  refusals: readonly Refusal[],
): readonly SignerEvent[] {
  const done = groupedBy(performed, (attempt) => [attempt.call, formatKeyName(attempt.keyName)]);
  const refused = groupedBy(refusals, ({ attempt, error }) => [
    attempt.call,
    formatKeyName(attempt.keyName),
    error.code,
    error.metadata?.['rule'],
  ]);
  return [...done.map(performedEvent), ...refused.map(refusedEvent)];
}

function performedEvent([first, ...rest]: Group<ComputedAttempt>): SignerEvent {
  const all = [first, ...rest];
  return {
    type: 'signing.performed',
    subject: formatKeyName(first.keyName),
    project: first.keyName.project,
    call: first.call,
    refusal: undefined,
    data: {
      version: first.row.keyVersion,
      certificates: all.filter(({ row }) => row.kind === 'certificate').length,
      crls: all.filter(({ row }) => row.kind === 'crl').length,
      intents: all.map(({ intentId }) => intentId),
    },
  };
}

function refusedEvent([first, ...rest]: Group<Refusal>): SignerEvent {
  const { attempt, error } = first;
  const rule = error.metadata?.['rule'];
  return {
    type: 'signing.refused',
    subject: formatKeyName(attempt.keyName),
    project: attempt.keyName.project,
    call: attempt.call,
    refusal: error.code,
    data: { ...(rule !== undefined && { rule }), intents: [first, ...rest].map((refusal) => refusal.attempt.intentId) },
  };
}

type Group<T> = [T, ...T[]];

/** Groups of items with equal keys, part by part, in order of appearance. Objects are equal by identity. */
function groupedBy<T>(items: readonly T[], keyOf: (item: T) => readonly unknown[]): Group<T>[] {
  const groups: { readonly key: readonly unknown[]; readonly items: Group<T> }[] = [];
  for (const item of items) {
    const key = keyOf(item);
    // Nearly always the last group: a call's items come one after another.
    const group = groups.findLast((candidate) => candidate.key.every((part, i) => part === key[i]));
    if (group === undefined) groups.push({ key, items: [item] });
    else group.items.push(item);
  }
  return groups.map((group) => group.items);
}
