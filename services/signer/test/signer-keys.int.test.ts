import { randomBytes, randomUUID } from 'node:crypto';
import { KeyAlgorithm, KeyPurpose, KeyState } from '@cert-tasks/contracts/signer/v1';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ISSUER_NAME } from '../src/testing/sample-tbs.ts';
import { type SignerPlatform, startPlatform } from './signer-app.ts';
import { bareKey, itemFor, type NewKey, newKey, reasonOf, refused, signatureOf } from './signer-messages.ts';

let platform: SignerPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform.stop());

describe('keys', () => {
  test('are made by admins of the project, and read by its viewers', async () => {
    const admin = await platform.setting.keysAs(platform.a, { acme: ['admin'] });
    const viewer = await platform.setting.keysAs(platform.a, { acme: ['viewer'] });
    const request = newKey({
      certificateAuthorityPolicy: {
        issuerName: ISSUER_NAME,
        maxValidity: { seconds: 86_400n },
        maySignAuthorities: true,
        maxPathLength: 0,
      },
    });
    const { key } = await admin.createKey(request);
    expect(key).toMatchObject({
      name: `projects/acme/keys/${request.keyId}`,
      purpose: KeyPurpose.CERTIFICATE_AUTHORITY,
      algorithm: KeyAlgorithm.EC_P256,
      state: KeyState.ENABLED,
      primaryVersion: 1,
      certificateAuthorityPolicy: { issuerName: ISSUER_NAME, maySignAuthorities: true, maxPathLength: 0 },
    });
    expect(await viewer.getKey({ name: key?.name ?? '' })).toMatchObject({ key });
    expect(await refused(viewer.createKey(newKey()))).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    expect(await refused(viewer.disableKey({ name: key?.name ?? '' }))).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    const [created] = await platform.events(key?.name ?? '');
    expect(created).toMatchObject({ type: 'key.created', project: 'acme', actor: { id: 'alice', roles: ['admin'] } });
  });

  const LOG = { purpose: KeyPurpose.LOG_CHECKPOINT, algorithm: KeyAlgorithm.ED25519 };
  const ORIGIN = { checkpointOrigin: 'example.org/log' };
  const withPolicy = (policy: NonNullable<NewKey['certificateAuthorityPolicy']>) =>
    bareKey({ certificateAuthorityPolicy: policy });

  test.each<[string, NewKey]>([
    ['certificate_authority_policy', bareKey()],
    ['checkpoint_origin', newKey(ORIGIN)],
    ['certificate_authority_policy', newKey({ ...LOG, ...ORIGIN })],
    ['checkpoint_origin', bareKey(LOG)],
    ['algorithm', bareKey({ purpose: KeyPurpose.LOG_CHECKPOINT, ...ORIGIN })],
    [
      'certificate_authority_policy.issuer_name',
      withPolicy({ issuerName: new Uint8Array([1]), maxValidity: { seconds: 1n } }),
    ],
    ['certificate_authority_policy.max_validity', withPolicy({ issuerName: ISSUER_NAME })],
    [
      'certificate_authority_policy.max_validity',
      withPolicy({ issuerName: ISSUER_NAME, maxValidity: { seconds: -1n } }),
    ],
    ['certificate_authority_policy.max_validity', withPolicy({ issuerName: ISSUER_NAME, maxValidity: { nanos: 1 } })],
    ['purpose', newKey({ purpose: KeyPurpose.UNSPECIFIED })],
    ['key_id', newKey({ keyId: 'Upper' })],
    ['request_id', newKey({ requestId: 'a\u0007' })],
  ])('are refused for their %s', async (field, request) => {
    expect(await refused(platform.cert.keys.createKey(request))).toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field });
    const rows = await platform.database.admin`select 1 from signer.keys where name = ${request.keyId ?? ''}`;
    expect(rows).toHaveLength(0);
  });

  test('a repeat of a request acts once, also at once on two replicas; another request under its id is refused', async () => {
    const request = newKey({ requestId: randomUUID() });
    const answers = await Promise.all([
      platform.cert.keys.createKey(request),
      platform.certOnB.keys.createKey(request),
      platform.cert.keys.createKey(request),
    ]);
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(await refused(platform.cert.keys.createKey({ ...request, algorithm: KeyAlgorithm.EC_P384 }))).toMatchObject({
      rpcCode: 'FAILED_PRECONDITION',
      reason: 'REQUEST_ID_REUSED',
    });
    const again = newKey({ keyId: request.keyId ?? '' });
    expect(await refused(platform.cert.keys.createKey(again))).toMatchObject({
      rpcCode: 'ALREADY_EXISTS',
      reason: 'KEY_EXISTS',
    });
    expect(await platform.events(answers[0]?.key?.name ?? '')).toHaveLength(1);
  });

  test('projects are walls', async () => {
    const key = await platform.madeKey(newKey());
    const theirs = key.name.replace('projects/acme/', 'projects/other/');
    const stranger = await platform.setting.keysAs(platform.a, { other: ['admin'] });
    expect(await refused(stranger.getKey({ name: theirs }))).toEqual({
      rpcCode: 'NOT_FOUND',
      reason: 'KEY_NOT_FOUND',
      field: 'name',
    });
    expect(await refused(stranger.disableKey({ name: theirs }))).toMatchObject({ rpcCode: 'NOT_FOUND' });
    expect((await stranger.listKeys({ parent: 'projects/other' })).keys).toEqual([]);
    const never = await refused(stranger.getKey({ name: 'projects/acme/keys/never-was' }));
    expect(never).toMatchObject({ rpcCode: 'PERMISSION_DENIED' });
    expect(await refused(stranger.getKey({ name: key.name }))).toEqual(never);
    const { outcomes } = await platform.cert.signing.batchSign({ items: [itemFor(key, { key: theirs })] });
    expect(outcomes.map(reasonOf)).toEqual(['5 KEY_NOT_FOUND']);
    const resolving = platform.cert.signing.resolveIntent({ intentId: randomUUID(), key: theirs });
    expect(await refused(resolving)).toMatchObject({ rpcCode: 'NOT_FOUND', reason: 'KEY_NOT_FOUND' });
    await expect(platform.cert.keys.getKey({ name: key.name })).resolves.toMatchObject({
      key: { state: KeyState.ENABLED },
    });
  });

  test('are listed by pages whose tokens hold for their list alone', async () => {
    const parent = `projects/p-${randomBytes(4).toString('hex')}`;
    const made: string[] = [];
    for (let i = 0; i < 3; i++) made.push((await platform.madeKey(newKey({ parent }))).name);
    const viewer = await platform.setting.keysAs(platform.a, { '*': ['viewer'] });
    const first = await viewer.listKeys({ parent, pageSize: 2 });
    const second = await viewer.listKeys({ parent, pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.keys, ...second.keys].map(({ name }) => name).toSorted()).toEqual(made.toSorted());
    expect(second.nextPageToken).toBe('');
    const elsewhere = viewer.listKeys({ parent: 'projects/acme', pageToken: first.nextPageToken });
    expect(await refused(elsewhere)).toMatchObject({ rpcCode: 'INVALID_ARGUMENT', field: 'page_token' });
    expect(await refused(viewer.listKeys({ parent, pageToken: 'x' }))).toMatchObject({ field: 'page_token' });
  });

  test('disabled on one replica sign nothing on the other', async () => {
    const key = await platform.madeKey(newKey());
    const item = itemFor(key);
    const first = await platform.certOnB.signing.batchSign({ items: [item] });
    const admin = await platform.setting.keysAs(platform.a, { acme: ['admin'] });
    expect(await refused(admin.disableKey({ name: key.name, etag: 'old' }))).toMatchObject({
      rpcCode: 'ABORTED',
      reason: 'ETAG_MISMATCH',
    });
    const request = { name: key.name, etag: key.etag, reason: 'retired', requestId: randomUUID() };
    const disabled = await admin.disableKey(request);
    expect(disabled.key).toMatchObject({ state: KeyState.DISABLED });
    expect(await admin.disableKey(request)).toEqual(disabled);
    const { outcomes } = await platform.certOnB.signing.batchSign({ items: [itemFor(key), item] });
    expect(reasonOf(outcomes[0])).toBe('9 KEY_DISABLED');
    expect(signatureOf(outcomes[1])).toEqual(signatureOf(first.outcomes[0]));
    const told = await platform.events(key.name);
    expect(told.map(({ type }) => type)).toEqual([
      'key.created',
      'signing.performed',
      'key.disabled',
      'signing.refused',
    ]);
    expect(told[2]).toMatchObject({ data: { uid: key.uid, reason: 'retired' }, actor: { id: 'alice' } });
  });
});
