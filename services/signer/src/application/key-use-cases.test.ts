import { describe, expect, test } from 'vitest';
import { InMemoryUnitOfWork } from '../testing/in-memory-unit-of-work.ts';
import { sampleCall } from '../testing/sample-call.ts';
import { LEAF_POLICY, softwareBackend, TestSigner } from '../testing/test-signer.ts';
import { type CreateKeyInput, createKey } from './create-key.ts';
import { type DisableKeyInput, disableKey } from './disable-key.ts';
import { getKey } from './get-key.ts';
import { listKeys } from './list-keys.ts';
import { verifyKeyEncryption } from './verify-key-encryption.ts';

const CALL = sampleCall();
const REQUEST = {
  project: 'acme',
  caller: 'service:cert',
  method: 'CreateKey',
  requestId: 'r-1',
  content: new Uint8Array([1]),
};

function setUp() {
  const work = new InMemoryUnitOfWork(() => new Date());
  const signer = new TestSigner({ work, now: () => new Date() });
  const input: CreateKeyInput = {
    name: { project: 'acme', key: 'ca' },
    algorithm: 'ec-p256',
    policy: LEAF_POLICY,
    request: REQUEST,
    call: CALL,
  };
  return { work, signer, input };
}

describe('createKey', () => {
  test('makes a key and tells of it, with nothing of the key', async () => {
    const { work, signer, input } = setUp();
    const key = await createKey(signer, input);
    expect(key).toMatchObject({ name: input.name, algorithm: 'ec-p256', state: 'enabled', primaryVersion: 1 });
    expect(work.events).toEqual([
      {
        type: 'key.created',
        subject: 'projects/acme/keys/ca',
        project: 'acme',
        call: CALL,
        refusal: undefined,
        data: { uid: key.id, purpose: 'certificate-authority', algorithm: 'ec-p256', version: 1 },
      },
    ]);
  });

  test('answers a repeat with the key first made, at once and later', async () => {
    const { work, signer, input } = setUp();
    const [first, second] = await Promise.all([createKey(signer, input), createKey(signer, input)]);
    expect(second).toEqual(first);
    expect(await createKey(signer, input)).toEqual(first);
    expect(work.events).toHaveLength(1);
  });

  test('refuses a name that is taken, and forgets the request', async () => {
    const { signer, input } = setUp();
    await createKey(signer, input);
    const other = { ...REQUEST, requestId: 'r-2' };
    for (const request of [undefined, other]) {
      await expect(createKey(signer, { ...input, request })).rejects.toMatchObject({
        code: 'key-exists',
        field: 'key_id',
      });
    }
    const elsewhere = { ...input, name: { project: 'acme', key: 'another' }, request: other };
    await expect(createKey(signer, elsewhere)).resolves.toMatchObject({ name: { key: 'another' } });
  });

  test('makes checkpoint keys of Ed25519 only', async () => {
    const { signer, input } = setUp();
    const policy = { purpose: 'log-checkpoint', origin: 'example.org/log' } as const;
    await expect(createKey(signer, { ...input, policy })).rejects.toMatchObject({
      code: 'invalid-argument',
      field: 'algorithm',
    });
    await expect(createKey(signer, { ...input, policy, algorithm: 'ed25519' })).resolves.toMatchObject({ policy });
  });

  test('stores no key that does not sign under its public key', async () => {
    const { work, signer, input } = setUp();
    const [good, other] = [softwareBackend(), softwareBackend()];
    const lying = {
      generate: good.generate.bind(good),
      hasKeyEncryptionKey: () => true,
      open: async () => other.open(await sealedBy(other)),
    };
    await expect(createKey({ ...signer, work, backend: lying }, input)).rejects.toThrow('does not sign');
    await expect(getKey(work, input.name)).rejects.toMatchObject({ code: 'key-not-found' });
  });
});

async function sealedBy(backend: ReturnType<typeof softwareBackend>) {
  const identity = {
    keyId: '0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6',
    version: 1,
    purpose: 'certificate-authority',
    algorithm: 'ec-p256',
    policy: new Uint8Array(32),
  } as const;
  return { identity, ...(await backend.generate(identity)) };
}

describe('disableKey', () => {
  async function disabling() {
    const { work, signer, input } = setUp();
    const key = await createKey(signer, input);
    const disable = (changes: Partial<DisableKeyInput> = {}) =>
      disableKey(signer, { name: key.name, etag: undefined, reason: '', request: undefined, call: CALL, ...changes });
    return { work, signer, key, disable };
  }

  test('disables, tells why, drops the open key, and changes nothing the second time', async () => {
    const { work, signer, key, disable } = await disabling();
    await signer.sign([signer.item(key)]);
    expect(signer.openedKeys.size).toBe(1);
    const disabled = await disable({ etag: key.etag, reason: 'retired' });
    expect(disabled).toMatchObject({ state: 'disabled', disabledAt: expect.any(Date) });
    expect(disabled.etag).not.toBe(key.etag);
    expect(signer.openedKeys.size).toBe(0);
    expect(await disable()).toEqual(disabled);
    const events = work.events.filter(({ type }) => type === 'key.disabled');
    expect(events).toMatchObject([{ subject: 'projects/acme/keys/ca', data: { uid: key.id, reason: 'retired' } }]);
  });

  test('refuses an old etag, unless the request is a repeat', async () => {
    const { key, disable } = await disabling();
    await expect(disable({ etag: 'old' })).rejects.toMatchObject({ code: 'etag-mismatch', field: 'etag' });
    const request = { ...REQUEST, method: 'DisableKey' };
    const disabled = await disable({ etag: key.etag, request });
    expect(await disable({ etag: key.etag, request })).toEqual(disabled);
    await expect(disable({ etag: key.etag })).rejects.toMatchObject({ code: 'etag-mismatch' });
  });

  test("another project's key is not found", async () => {
    const { disable } = await disabling();
    await expect(disable({ name: { project: 'other', key: 'ca' } })).rejects.toMatchObject({ code: 'key-not-found' });
  });
});

test('listKeys pages through all keys once', async () => {
  const { work, signer } = setUp();
  const made = [];
  for (const name of ['a', 'b', 'c']) made.push(await signer.createKey(name));
  const seen: string[] = [];
  let afterId: string | undefined;
  do {
    const page = await listKeys(work, { project: 'acme', afterId, limit: 2 });
    seen.push(...page.keys.map(({ id }) => id));
    afterId = page.nextAfterId;
  } while (afterId !== undefined);
  expect(seen).toEqual(made.map(({ id }) => id).toSorted());
});

describe('verifyKeyEncryption', () => {
  test('passes where there is nothing, and where all keys can be opened', async () => {
    const { work, signer } = setUp();
    await expect(verifyKeyEncryption(work, signer.backend)).resolves.toBeUndefined();
    await signer.createKey('a');
    await expect(verifyKeyEncryption(work, signer.backend)).resolves.toBeUndefined();
  });

  test('names the key-encryption keys that are missing', async () => {
    const { work, signer } = setUp();
    await signer.createKey('a');
    const [kekId] = await work.read('test', ({ keys }) => keys.keyEncryptionKeyIds());
    await expect(verifyKeyEncryption(work, softwareBackend())).rejects.toMatchObject({
      code: 'key-encryption-key-missing',
      message: expect.stringContaining(kekId ?? 'no id'),
    });
  });
});
