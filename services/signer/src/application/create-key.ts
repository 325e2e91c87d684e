import { failpoint } from '@cert-tasks/failpoint';
import { bytesToHex, type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import { verifySignature } from '@cert-tasks/x509';
import { SignerError } from '../domain/errors.ts';
import type { Key, KeyName } from '../domain/key.ts';
import { type KeyAlgorithm, signatureAlgorithmOf } from '../domain/key-algorithm.ts';
import { formatKeyName } from '../domain/key-name.ts';
import { checkedKeyPolicy, type KeyPolicy } from '../domain/key-policy.ts';
import type { Call } from './call.ts';
import { keyIdentity } from './key-identity.ts';
import type { GeneratedKey, KeyBackend, KeyIdentity } from './ports/key-backend.ts';
import type { RequestClaim } from './ports/request-log.ts';
import type { SignerStores, UnitOfWork } from './ports/unit-of-work.ts';

/** What {@link createKey} works with. */
export interface CreateKeyDependencies {
  readonly work: UnitOfWork;
  readonly backend: KeyBackend;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** A key to make. */
export interface CreateKeyInput {
  readonly name: KeyName;
  readonly algorithm: KeyAlgorithm;
  readonly policy: KeyPolicy;
  /** Undefined: the call is not to be repeatable. */
  readonly request: RequestClaim | undefined;
  readonly call: Call;
}

const FIRST_VERSION = 1;

/** Signed once by a new key and never shown: no DER, so it is neither certificate nor CRL nor checkpoint. */
const PROOF_TEXT = new TextEncoder().encode(
  'cert-tasks/key-proof/v1: this signature is made to be verified and dropped',
);

/**
 * Makes a key; a repeat of the request answers with the key first made.
 *
 * @throws SignerError `invalid-argument`, `key-exists`, `overloaded`; what {@link RequestLog.claim} throws.
 */
export async function createKey(dependencies: CreateKeyDependencies, input: CreateKeyInput): Promise<Key> {
  const { work, backend, clock, randomBytes } = dependencies;

  // 1. The policy is for ever, so it is checked before there is a key.
  const policy = checkedKeyPolicy(input.policy, policyField(input.policy));
  checkAlgorithm(input.algorithm, policy);

  // 2. A name that is taken is a repeat or a mistake: neither is worth the making of a key, which for RSA takes seconds.
  const taken = await work.read('find-key', ({ keys }) => keys.find(input.name));
  if (taken !== undefined) return answerTaken(work, input);

  // 3. Made, sealed, opened again and proved: what would not sign later is found now, while nobody counts on it.
  const description = {
    id: newId({ clock, randomBytes }),
    name: input.name,
    algorithm: input.algorithm,
    policy,
    primaryVersion: FIRST_VERSION,
    etag: bytesToHex(randomBytes(8)),
  };
  const identity = keyIdentity(description);
  const generated = await backend.generate(identity);
  await prove({ backend, identity, generated });

  // 4. Request, key and event become durable together; of two calls at once, one gets here second and finds the first.
  const key = await work.transaction('create-key', async (stores) => {
    if (input.request !== undefined) {
      const outcome = await stores.requests.claim(input.request, formatKeyName(input.name));
      if (outcome === 'replay') return existing(stores, input.name);
    }
    const created = await stores.keys.insert({ ...description, publicKey: generated.publicKey }, generated.material);
    if (created === undefined) throw keyExists();
    await stores.events.append([createdEvent(created, input.call)]);
    return created;
  });
  failpoint('signer.key.after-create');
  return key;
}

function policyField(policy: KeyPolicy): string {
  return policy.purpose === 'certificate-authority' ? 'certificate_authority_policy' : 'checkpoint_origin';
}

function checkAlgorithm(algorithm: KeyAlgorithm, policy: KeyPolicy): void {
  if (policy.purpose !== 'log-checkpoint' || algorithm === 'ed25519') return;
  throw new SignerError('invalid-argument', 'A key for log checkpoints is of the algorithm ED25519.', {
    field: 'algorithm',
  });
}

function answerTaken(work: UnitOfWork, { name, request }: CreateKeyInput): Promise<Key> {
  return work.transaction('create-key-again', async (stores) => {
    const outcome = request && (await stores.requests.claim(request, formatKeyName(name)));
    if (outcome !== 'replay') throw keyExists();
    return existing(stores, name);
  });
}

async function existing({ keys }: SignerStores, name: KeyName): Promise<Key> {
  const key = await keys.find(name);
  if (key === undefined) throw new Error('A recorded request names a key that is not there: keys are never deleted.');
  return key;
}

function keyExists(): SignerError {
  return new SignerError('key-exists', 'There is a key of this name. Choose another key_id.', { field: 'key_id' });
}

async function prove(input: {
  readonly backend: KeyBackend;
  readonly identity: KeyIdentity;
  readonly generated: GeneratedKey;
}): Promise<void> {
  const { backend, identity, generated } = input;
  const opened = await backend.open({ identity, publicKey: generated.publicKey, material: generated.material });
  const isProved = verifySignature({
    publicKey: generated.publicKey,
    algorithm: signatureAlgorithmOf(identity.algorithm),
    data: PROOF_TEXT,
    signature: await opened.sign(PROOF_TEXT),
  });
  if (!isProved) throw new Error('A key that was just made does not sign under its public key; it was dropped.');
}

function createdEvent(key: Key, call: Call) {
  return {
    type: 'key.created',
    subject: formatKeyName(key.name),
    project: key.name.project,
    call,
    refusal: undefined,
    data: { uid: key.id, purpose: key.policy.purpose, algorithm: key.algorithm, version: key.primaryVersion },
  } as const;
}
