import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CertWorld, certWorld, SAMPLE_ORIGIN, sampleClaim } from '../testing/cert-world.ts';
import { inMemoryStores } from '../testing/in-memory-stores.ts';
import type { CreateAuthorityInput } from './create-authority.ts';
import type { Ledger } from './ports/ledger.ts';

const ROOT = {
  id: 'late',
  type: 'root',
  subject: { commonName: 'Late Root' },
  issuerId: undefined,
  keyAlgorithm: 'ec-p384',
  lifetimeMs: undefined,
  crlShardCount: 1,
  validateOnly: false,
  origin: SAMPLE_ORIGIN,
} as const satisfies Partial<CreateAuthorityInput>;

describe('authorities', () => {
  let stores: ReturnType<typeof inMemoryStores>;
  let world: CertWorld;

  beforeEach(() => {
    stores = inMemoryStores();
    world = certWorld(stores);
  });

  it('are made with chains that node:crypto verifies', async () => {
    const { root, subordinate } = await world.project();
    const [own, above] = subordinate.chain.map((der) => new X509Certificate(der));
    const rootCertificate = new X509Certificate(root.certificate ?? new Uint8Array());
    expect(own?.verify(rootCertificate.publicKey)).toBe(true);
    expect(own?.checkIssued(rootCertificate)).toBe(true);
    expect(above?.raw).toEqual(rootCertificate.raw);
    expect(rootCertificate.verify(rootCertificate.publicKey)).toBe(true);
    expect([own?.ca, rootCertificate.ca]).toEqual([true, true]);
    expect(own?.subject).toBe('C=DE\nO=Example\nCN=Issuing');
    expect(own?.infoAccess).toContain(`http://pki.example/aia/${root.uid}.cer`);
    expect(rootCertificate.infoAccess).toBeUndefined();
    expect(stores.db.events.map(({ type }) => type)).toEqual([
      'authority.created',
      'certificate.created',
      'authority.created',
      'certificate.created',
    ]);
  });

  it('are finished by a repeat of the call, or by recovery, from wherever they stand', async () => {
    const claim = sampleClaim();
    const input = { ...ROOT, project: 'p', claim };
    world.signer.mood = 'away';
    await expect(world.createAuthority.run(input)).rejects.toMatchObject({ code: 'signer-unavailable' });
    world.signer.mood = 'lost';
    await expect(world.createAuthority.run(input)).rejects.toMatchObject({ code: 'signer-unavailable' });
    expect((await stores.authorities.find({ project: 'p', id: 'late' }))?.certificateId).toBeDefined();
    world.signer.mood = 'well';
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 1, failed: 0 });
    const authority = await world.createAuthority.run(input);
    expect(authority.state).toBe('active');
    expect(world.signer.signatures).toBe(1);
    await expect(world.createAuthority.run({ ...input, claim: undefined })).rejects.toMatchObject({
      code: 'authority-exists',
      field: 'authority_id',
    });
  });

  it('draft a certificate anew where signer refused the first', async () => {
    const input = { ...ROOT, project: 'p', claim: sampleClaim() };
    world.signer.mood = 'refusing';
    await expect(world.createAuthority.run(input)).rejects.toMatchObject({ code: 'issuance-refused' });
    world.signer.mood = 'well';
    expect((await world.createAuthority.run(input)).state).toBe('active');
    const states = [...stores.db.certificates.values()].map(({ certificate }) => certificate.state);
    expect(states.toSorted()).toEqual(['failed', 'issued']);
  });

  it('are one where two calls make the same at once', async () => {
    const input = { ...ROOT, project: 'p', claim: sampleClaim() };
    const made = await Promise.all([world.createAuthority.run(input), world.createAuthority.run(input)]);
    expect(new Set(made.map(({ uid }) => uid)).size).toBe(1);
    expect(stores.db.authorities.size).toBe(1);
    expect(stores.db.events.filter(({ type }) => type === 'authority.created')).toHaveLength(1);
  });

  it('are refused with the field at fault, and a dry run makes nothing', async () => {
    await world.createAuthority.run({ ...ROOT, project: 'p', id: 'root', claim: undefined });
    const subordinate = { ...ROOT, project: 'p', type: 'subordinate', claim: undefined } as const;
    const refused = async (changes: Partial<CreateAuthorityInput>) =>
      world.createAuthority.run({ ...subordinate, ...changes }).then(
        () => 'made',
        (error: { code: string; field: string }) => `${error.code} ${error.field}`,
      );
    expect(await refused({})).toBe('issuer-not-allowed issuer');
    expect(await refused({ issuerId: 'none' })).toBe('authority-not-found issuer');
    expect(await refused({ project: 'other', issuerId: 'root' })).toBe('authority-not-found issuer');
    expect(await refused({ type: 'root', issuerId: 'root' })).toBe('issuer-not-allowed issuer');
    expect(await refused({ issuerId: 'root', lifetimeMs: 25 * 365 * 86_400_000 })).toBe(
      'lifetime-not-allowed lifetime',
    );
    expect(await refused({ issuerId: 'root', subject: { commonName: '' } })).toBe(
      'subject-not-allowed subject.common_name',
    );
    expect(await refused({ issuerId: 'root', subject: { commonName: 'a\u0000b' } })).toBe(
      'subject-not-allowed subject',
    );
    world.signer.mood = 'away';
    expect(await refused({ issuerId: 'root', validateOnly: true })).toBe('made');
    expect(await refused({ id: 'root', issuerId: 'root', validateOnly: true })).toBe('authority-exists authority_id');
    expect(stores.db.authorities.size).toBe(1);
  });
});

describe('recovery', () => {
  it('goes on past what fails, reports it, and tries it again', async () => {
    const stores = inMemoryStores();
    const world = certWorld(stores);
    const [bad, good] = [await world.project(), await world.project()];
    world.signer.mood = 'away';
    for (const { project } of [bad, bad, good]) {
      await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
        code: 'signer-unavailable',
      });
    }
    await expect(world.createAuthority.run({ ...ROOT, project: bad.project, claim: undefined })).rejects.toBeDefined();
    world.signer.mood = 'well';
    const resolve = world.signer.resolve.bind(world.signer);
    const createKey = world.signer.createAuthorityKey.bind(world.signer);
    world.signer.resolve = async (intent) => {
      if (intent.keyName === bad.subordinate.keyName) throw new Error('broken');
      return resolve(intent);
    };
    world.signer.createAuthorityKey = async () => {
      throw new Error('broken key');
    };
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 1, failed: 3 });
    expect(world.recoveryFailures.map(({ error }) => String(error))).toEqual([
      'Error: broken key',
      'Error: broken',
      'Error: broken',
    ]);
    world.signer.resolve = resolve;
    world.signer.createAuthorityKey = createKey;
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 3, failed: 0 });
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 0, failed: 0 });
  });

  it('reaches what lies beyond a page of failures', async () => {
    const stores = inMemoryStores();
    const world = certWorld(stores);
    const { project } = await world.project();
    world.signer.mood = 'away';
    for (let i = 0; i < 130; i++) {
      await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
        code: 'signer-unavailable',
      });
    }
    world.signer.mood = 'well';
    const pending = await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 1_000 });
    const lastId = pending.at(-1)?.id;
    const resolve = world.signer.resolve.bind(world.signer);
    world.signer.resolve = async (intent) => {
      if (intent.intentId !== lastId) throw new Error('broken');
      return resolve(intent);
    };
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 1, failed: 129 });
  });

  it('leaves alone what is young', async () => {
    const world = certWorld(inMemoryStores());
    const { project } = await world.project();
    world.signer.mood = 'away';
    await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
      code: 'signer-unavailable',
    });
    expect(await world.recover(60_000).run(AbortSignal.timeout(5_000))).toEqual({ ended: 0, failed: 0 });
  });
});

describe('reconciliation', () => {
  it('finds ledger and intents alike, waits for what is pending, and moves on', async () => {
    const stores = inMemoryStores();
    const world = certWorld(stores);
    const { project } = await world.project();
    await world.publishDueCrls.run(AbortSignal.timeout(5_000));
    world.signer.mood = 'lost';
    await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
      code: 'signer-unavailable',
    });
    world.signer.mood = 'well';
    expect(await world.reconcile().run()).toBe(false);
    const stuck = await stores.reconciliation.position();
    await world.recover().run(AbortSignal.timeout(5_000));
    expect(await world.reconcile().run()).toBe(false);
    expect(await stores.reconciliation.position()).toBe(stuck + 1n);
    expect(world.breaches).toEqual([]);
  });

  it('tells each kind of breach', async () => {
    const stores = inMemoryStores();
    const world = certWorld(stores);
    const { project } = await world.project();
    const { certificate } = await world.issueCertificate.run(world.issueInput(project));
    world.signer.mood = 'away';
    await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
      code: 'signer-unavailable',
    });
    world.signer.mood = 'well';
    await world.recover().run(AbortSignal.timeout(5_000));
    const failed = [...stores.db.certificates.values()].find(
      ({ certificate: { state } }) => state === 'failed',
    )?.certificate;
    const row = { keyName: 'k', kind: 'certificate', tbsSha256: new Uint8Array(32), voided: false } as const;
    const ledger: Ledger = {
      read: async ({ afterPosition }) =>
        [
          { ...row, position: 1n, intentId: '00000000-0000-7000-8000-000000000000' },
          { ...row, position: 2n, intentId: certificate.id },
          { ...row, position: 3n, intentId: certificate.id, voided: true },
          { ...row, position: 4n, intentId: failed?.id ?? '' },
          { ...row, position: 5n, intentId: '00000000-0000-7000-8000-000000000001', voided: true },
        ].filter(({ position }) => position > afterPosition),
    };
    await world.reconcile(ledger).run();
    await world.reconcile(ledger).run();
    expect(world.breaches.map(({ position, breach }) => `${position} ${breach}`)).toEqual([
      '1 no-intent',
      '2 other-bytes',
      '3 voided-but-issued',
      '4 signed-but-failed',
    ]);
  });
});
