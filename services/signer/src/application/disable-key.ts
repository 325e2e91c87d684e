import { bytesToHex, type RandomBytes } from '@cert-tasks/kernel';
import { SignerError } from '../domain/errors.ts';
import type { Key, KeyName } from '../domain/key.ts';
import { keyNotFound } from '../domain/key-errors.ts';
import { formatKeyName } from '../domain/key-name.ts';
import type { Call } from './call.ts';
import type { OpenedKeys } from './opened-keys.ts';
import type { RequestClaim } from './ports/request-log.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** What {@link disableKey} works with. */
export interface DisableKeyDependencies {
  readonly work: UnitOfWork;
  readonly openedKeys: OpenedKeys;
  readonly randomBytes: RandomBytes;
}

/** A key to disable. */
export interface DisableKeyInput {
  readonly name: KeyName;
  /** The etag that the caller saw; undefined: whatever it is. */
  readonly etag: string | undefined;
  /** Why, for the audit log; may be empty. */
  readonly reason: string;
  /** Undefined: the call is not to be repeatable. */
  readonly request: RequestClaim | undefined;
  readonly call: Call;
}

/**
 * Disables a key. When this returns, no replica inserts another ledger row of the key, so none releases another new
 * signature. A disabled key stays as it is.
 *
 * @throws SignerError `key-not-found`, `etag-mismatch`; what {@link RequestLog.claim} throws.
 */
export async function disableKey(dependencies: DisableKeyDependencies, input: DisableKeyInput): Promise<Key> {
  const { work, openedKeys, randomBytes } = dependencies;
  const { name } = input;
  const key = await work.transaction('disable-key', async (stores) => {
    // 1. A repeat answers with the key as it is, whatever etag it still holds.
    const outcome = input.request && (await stores.requests.claim(input.request, formatKeyName(name)));

    // 2. The lock waits for transactions that are inserting signatures of this key; those that come after find it disabled.
    const current = await stores.keys.lock(name);
    if (current === undefined) throw keyNotFound('name');
    if (outcome === 'replay') return current;
    if (input.etag !== undefined && input.etag !== current.etag) throw etagMismatch();
    if (current.state === 'disabled') return current;

    // 3. The change and its event.
    const disabled = await stores.keys.disable({ id: current.id, etag: bytesToHex(randomBytes(8)) });
    if (disabled === undefined) throw new Error('A key that this transaction holds was disabled by another one.');
    const data = { uid: disabled.id, ...(input.reason !== '' && { reason: input.reason }) };
    await stores.events.append([
      {
        type: 'key.disabled',
        subject: formatKeyName(name),
        project: name.project,
        call: input.call,
        refusal: undefined,
        data,
      },
    ]);
    return disabled;
  });
  // 4. Other replicas drop theirs at the first signature refused, or by age; the ledger does not depend on it.
  openedKeys.drop(name);
  return key;
}

function etagMismatch(): SignerError {
  return new SignerError('etag-mismatch', 'The key has changed since. Get it again and decide anew.', {
    field: 'etag',
  });
}
