import { X509Certificate } from 'node:crypto';
import { IdempotencyError } from '@cert-tasks/idempotency';
import { fakeClock } from '@cert-tasks/testkit';
import { parseCertificate, parseSubjectAltName, toHex } from '@cert-tasks/x509';
import { beforeEach, describe, expect, it } from 'vitest';
import { type CertWorld, certWorld, sampleClaim } from '../testing/cert-world.ts';
import { inMemoryStores } from '../testing/in-memory-stores.ts';
import { sampleKey, sampleRequest } from '../testing/sample-request.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MINUTE_MS = 60_000;

describe('IssueCertificate', () => {
  let stores: ReturnType<typeof inMemoryStores>;
  let clock: ReturnType<typeof fakeClock>;
  let world: CertWorld;
  let project: string;
  let issuerDer: Uint8Array;
  let authorityUid: string;

  beforeEach(async () => {
    stores = inMemoryStores();
    clock = fakeClock();
    world = certWorld(stores, { clock });
    const made = await world.project({ crlShardCount: 16 });
    project = made.project;
    issuerDer = made.subordinate.certificate ?? new Uint8Array();
    authorityUid = made.subordinate.uid;
  });

  const eventTypes = (): readonly string[] => stores.db.events.map(({ type }) => type);

  it('issues what was asked for, signed by the issuer, with the URLs of its shard', async () => {
    const key = sampleKey();
    const csr = sampleRequest({ key, dnsNames: ['a.example', '*.b.example'] });
    const { certificate } = await world.issueCertificate.run(world.issueInput(project, { csr, labels: { team: 'x' } }));
    expect(certificate).toMatchObject({
      state: 'issued',
      labels: { team: 'x' },
      profile: 'server',
      profileRevision: 1,
    });
    const der = certificate.der ?? new Uint8Array();

    // node:crypto reads and verifies it by itself.
    const seen = new X509Certificate(der);
    const issuer = new X509Certificate(issuerDer);
    expect(seen.verify(issuer.publicKey)).toBe(true);
    expect(seen.checkIssued(issuer)).toBe(true);
    expect(seen.publicKey.equals(key.publicKey)).toBe(true);
    expect(seen.subjectAltName).toBe('DNS:a.example, DNS:*.b.example');
    expect(seen.ca).toBe(false);
    expect(seen.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(seen.validFromDate).toEqual(new Date(clock.now().getTime() - 5 * MINUTE_MS));
    expect(seen.validToDate).toEqual(new Date(clock.now().getTime() + 90 * DAY_MS));
    const shard = (certificate.serial[19] ?? 0) % 16;
    expect(certificate.crlShard).toBe(shard);
    expect(seen.infoAccess).toContain(`http://pki.example/aia/${authorityUid}.cer`);
    expect(Buffer.from(der).includes(`http://pki.example/crl/${authorityUid}/${shard}.crl`)).toBe(true);
    expect(BigInt(`0x${seen.serialNumber}`)).toBe(BigInt(`0x${toHex(certificate.serial)}`));

    const parsed = parseCertificate(der);
    expect(parsed.extensions.find(({ oid }) => oid === '2.5.29.17')?.critical).toBe(true);
    expect(parsed.extensions.filter(({ oid }) => oid === '2.5.29.17').map(parseSubjectAltName)).toHaveLength(1);
    expect(eventTypes().at(-1)).toBe('certificate.created');
  });

  it('makes one certificate of a repeated request, and refuses another under its id', async () => {
    const claim = sampleClaim();
    const csr = sampleRequest();
    const input = world.issueInput(project, { csr, claim });
    const answers = await Promise.all(Array.from({ length: 20 }, () => world.issueCertificate.run(input)));
    expect(new Set(answers.map(({ certificate }) => certificate.id)).size).toBe(1);
    expect(answers.every(({ certificate }) => certificate.state === 'issued')).toBe(true);
    expect(eventTypes().filter((type) => type === 'certificate.created')).toHaveLength(3);
    const other = { ...input, claim: { key: claim.key, hash: new Uint8Array(32) } };
    await expect(world.issueCertificate.run(other)).rejects.toBeInstanceOf(IdempotencyError);
  });

  it('answers a repeat also when it would be refused now', async () => {
    const claim = sampleClaim();
    const input = world.issueInput(project, { claim });
    const { certificate } = await world.issueCertificate.run(input);
    // The issuer has expired meanwhile.
    clock.advance(20 * 365 * DAY_MS);
    expect((await world.issueCertificate.run(input)).certificate.id).toBe(certificate.id);
    await expect(world.issueCertificate.run({ ...input, claim: sampleClaim() })).rejects.toMatchObject({
      code: 'no-default-authority',
    });
  });

  it('signs and stores nothing in a dry run, and needs no signer for it', async () => {
    world.signer.mood = 'away';
    const before = [stores.db.certificates.size, stores.db.events.length, world.signer.signatures];
    const { certificate } = await world.issueCertificate.run(world.issueInput(project, { validateOnly: true }));
    expect(certificate).toMatchObject({ state: 'pending', der: undefined });
    const wrong = world.issueInput(project, { validateOnly: true, profile: 'none' });
    await expect(world.issueCertificate.run(wrong)).rejects.toMatchObject({ code: 'profile-unknown' });
    expect([stores.db.certificates.size, stores.db.events.length, world.signer.signatures]).toEqual(before);
  });

  it('ends no certificate past its issuer, and issues none past it', async () => {
    clock.advance(5 * 365 * DAY_MS - 10 * DAY_MS);
    const { certificate } = await world.issueCertificate.run(world.issueInput(project));
    expect(certificate.notAfter).toEqual(new X509Certificate(issuerDer).validToDate);
    clock.advance(11 * DAY_MS);
    const named = world.issueInput(project, { authorityId: 'issuing' });
    await expect(world.issueCertificate.run(named)).rejects.toMatchObject({
      code: 'authority-not-active',
      field: 'authority',
    });
  });

  it("knows no other project's authority", async () => {
    const other = await world.project();
    await expect(
      world.issueCertificate.run(world.issueInput(`x-${other.project}`, { authorityId: 'issuing' })),
    ).rejects.toMatchObject({ code: 'authority-not-found', field: 'authority' });
  });

  it('leaves the intent open where the answer is lost; recovery finishes it, and a repeat gets it', async () => {
    const claim = sampleClaim();
    const input = world.issueInput(project, { claim });
    world.signer.mood = 'lost';
    await expect(world.issueCertificate.run(input)).rejects.toMatchObject({ code: 'signer-unavailable' });
    const [open] = await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 9 });
    expect(open).toMatchObject({ project, state: 'pending' });

    world.signer.mood = 'well';
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 1, failed: 0 });
    const { certificate } = await world.issueCertificate.run(input);
    expect(certificate).toMatchObject({ id: open?.id, state: 'issued' });
    expect(eventTypes().at(-1)).toBe('certificate.created');
  });

  it('fails an intent that was never signed; its request may come again', async () => {
    const claim = sampleClaim();
    const input = world.issueInput(project, { claim });
    world.signer.mood = 'away';
    await expect(world.issueCertificate.run(input)).rejects.toMatchObject({ code: 'signer-unavailable' });
    const [open] = await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 9 });
    // A repeat waits for the first call's intent, to its own deadline.
    await expect(world.issueCertificate.run({ ...input, signal: AbortSignal.timeout(80) })).rejects.toMatchObject({
      code: 'request-in-progress',
    });

    world.signer.mood = 'well';
    expect(await world.recover().run(AbortSignal.timeout(5_000))).toEqual({ ended: 1, failed: 0 });
    expect((await stores.certificates.find({ project, id: open?.id ?? '' }))?.state).toBe('failed');
    expect(eventTypes().at(-1)).toBe('certificate.failed');
    // Nothing can sign the voided intent any more.
    const order = {
      intentId: open?.id ?? '',
      keyName: 'k',
      kind: 'certificate',
      tbs: open?.tbs ?? new Uint8Array(),
    } as const;
    await expect(world.signer.sign(order)).rejects.toMatchObject({ metadata: { signer_reason: 'INTENT_VOIDED' } });
    const { certificate } = await world.issueCertificate.run(input);
    expect(certificate.id).not.toBe(open?.id);
  });

  it('ends an intent that signer refuses, with the reason', async () => {
    world.signer.mood = 'refusing';
    const claim = sampleClaim();
    const refused = world.issueCertificate.run(world.issueInput(project, { claim }));
    await expect(refused).rejects.toMatchObject({
      code: 'issuance-refused',
      metadata: { signer_reason: 'KEY_DISABLED' },
    });
    expect(stores.db.events.at(-1)).toMatchObject({ type: 'certificate.failed', reason: 'ISSUANCE_REFUSED' });
    expect(await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 9 })).toEqual([]);
    expect(stores.db.requests.has(toHex(claim.key))).toBe(false);
  });

  it('does not release what does not verify', async () => {
    const sign = world.signer.sign.bind(world.signer);
    world.signer.sign = async (order) => {
      const signature = await sign(order);
      signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
      return signature;
    };
    await expect(world.issueCertificate.run(world.issueInput(project))).rejects.toMatchObject({
      code: 'signature-invalid',
    });
    const [open] = await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 9 });
    expect(open?.der).toBeUndefined();
  });

  it('tells of refusals by policy, once a minute for each reason, with the number left out', async () => {
    const bad = world.issueInput(project, { lifetimeMs: 1_000 * DAY_MS });
    for (let i = 0; i < 5; i++)
      await expect(world.issueCertificate.run(bad)).rejects.toMatchObject({ code: 'lifetime-not-allowed' });
    await expect(world.issueCertificate.run({ ...bad, profile: 'none' })).rejects.toMatchObject({
      code: 'profile-unknown',
    });
    await expect(world.issueCertificate.run({ ...bad, csr: new Uint8Array([1]) })).rejects.toMatchObject({
      code: 'csr-malformed',
    });
    const refusals = () => stores.db.events.filter(({ type }) => type === 'certificate.refused');
    expect(refusals().map(({ reason }) => reason)).toEqual(['LIFETIME_NOT_ALLOWED', 'PROFILE_UNKNOWN']);
    clock.advance(61_000);
    await expect(world.issueCertificate.run(bad)).rejects.toMatchObject({ code: 'lifetime-not-allowed' });
    expect(refusals()).toHaveLength(3);
    expect(refusals().at(-1)).toMatchObject({
      result: 'refused',
      subject: `projects/${project}`,
      origin: { actor: { id: 'alice' } },
      data: { suppressed: 4, field: 'lifetime', profile: '' },
    });
  });
});
