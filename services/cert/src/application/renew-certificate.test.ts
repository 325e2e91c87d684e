import { fakeClock } from '@cert-tasks/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Certificate } from '../domain/certificate.ts';
import { type CertWorld, certWorld, SAMPLE_ORIGIN, sampleClaim } from '../testing/cert-world.ts';
import { inMemoryStores } from '../testing/in-memory-stores.ts';
import { InMemoryTaskQueue } from '../testing/in-memory-task-queue.ts';
import { sampleKey, sampleRequest } from '../testing/sample-request.ts';
import { FindDueRenewals } from './find-due-renewals.ts';
import { PostponeRenewal } from './postpone-renewal.ts';
import type { RenewCertificateInput } from './renew-certificate.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('RenewCertificate', () => {
  let stores: ReturnType<typeof inMemoryStores>;
  let clock: ReturnType<typeof fakeClock>;
  let world: CertWorld;
  let project: string;
  let old: Certificate;

  beforeEach(async () => {
    stores = inMemoryStores();
    clock = fakeClock();
    world = certWorld(stores, { clock });
    ({ project } = await world.project());
    const csr = sampleRequest({ dnsNames: ['a.example', 'b.example'] });
    ({ certificate: old } = await world.issueCertificate.run(
      world.issueInput(project, { csr, labels: { team: 'x' }, lifetimeMs: 30 * DAY_MS }),
    ));
    clock.advance(19 * DAY_MS);
  });

  const input = (changes: Partial<RenewCertificateInput> = {}): RenewCertificateInput => ({
    project,
    id: old.id,
    csr: undefined,
    claim: sampleClaim(),
    origin: SAMPLE_ORIGIN,
    signal: AbortSignal.timeout(5_000),
    ...changes,
  });
  const revoke = (id: string) =>
    world.revokeCertificate.run({
      project,
      id,
      reason: 'superseded',
      version: undefined,
      claim: undefined,
      origin: SAMPLE_ORIGIN,
    });

  it('issues a successor for the same key, names, labels and length of life, and links both', async () => {
    const { certificate } = await world.renewCertificate.run(input());
    expect(certificate).toMatchObject({ state: 'issued', names: old.names, labels: old.labels, renewedFrom: old.id });
    expect(certificate.spki).toEqual(old.spki);
    expect(certificate.serial).not.toEqual(old.serial);
    const length = (one: Certificate): number => one.notAfter.getTime() - one.notBefore.getTime();
    expect(length(certificate)).toBe(length(old));
    expect((await stores.certificates.find({ project, id: old.id }))?.replacedBy).toBe(certificate.id);
    expect(stores.db.events.at(-1)?.type).toBe('certificate.renewed');
    // A life does not grow with each renewal.
    const next = await world.renewCertificate.run(input({ id: certificate.id }));
    expect(length(next.certificate)).toBe(length(old));
  });

  it('gives one successor to many that ask at once, and names it to the others', async () => {
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => world.renewCertificate.run(input())));
    const [winner, ...more] = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(more).toEqual([]);
    for (const result of results) {
      if (result.status === 'fulfilled') continue;
      const successor = `projects/${project}/certificates/${winner?.certificate.id}`;
      expect(result.reason).toMatchObject({ code: 'already-renewed', metadata: { successor } });
    }
  });

  it('answers a repeat with the successor, also once the old one is revoked', async () => {
    const repeated = input();
    const first = await world.renewCertificate.run(repeated);
    expect((await world.renewCertificate.run(repeated)).certificate.id).toBe(first.certificate.id);
    await revoke(old.id);
    expect((await world.renewCertificate.run(repeated)).certificate.id).toBe(first.certificate.id);
    await expect(world.renewCertificate.run(input())).rejects.toMatchObject({ code: 'certificate-not-issued' });
  });

  it('takes a new key under the same names only', async () => {
    const key = sampleKey();
    const other = sampleRequest({ key, dnsNames: ['c.example'] });
    await expect(world.renewCertificate.run(input({ csr: other }))).rejects.toMatchObject({
      code: 'name-not-allowed',
      field: 'csr_der',
    });
    const csr = sampleRequest({ key, dnsNames: ['b.example', 'a.example'] });
    const { certificate } = await world.renewCertificate.run(input({ csr }));
    expect(Buffer.from(certificate.spki)).toEqual(key.publicKey.export({ type: 'spki', format: 'der' }));
  });

  it("renews neither another project's nor an authority's own certificate", async () => {
    await expect(world.renewCertificate.run(input({ project: 'other' }))).rejects.toMatchObject({
      code: 'certificate-not-found',
    });
    const { certificateId } = (await stores.authorities.find({ project, id: 'issuing' })) ?? {};
    await expect(world.renewCertificate.run(input({ id: certificateId ?? '' }))).rejects.toMatchObject({
      code: 'certificate-not-issued',
    });
  });

  it('is free again where the successor failed', async () => {
    world.signer.mood = 'away';
    await expect(world.renewCertificate.run(input())).rejects.toMatchObject({ code: 'signer-unavailable' });
    await expect(world.renewCertificate.run(input())).rejects.toMatchObject({ code: 'already-renewed' });
    world.signer.mood = 'well';
    await world.recover().run(AbortSignal.timeout(5_000));
    expect((await world.renewCertificate.run(input())).certificate.state).toBe('issued');
  });

  it('is found due once its window is open, once, until it is renewed or put off', async () => {
    const tasks = new InMemoryTaskQueue();
    const findDue = new FindDueRenewals({ certificates: stores.certificates, tasks, clock });
    const find = () => findDue.run({ signal: AbortSignal.timeout(5_000), onProgress: () => undefined });
    expect(await find()).toBe(0);
    clock.advance(4 * DAY_MS);
    expect(await find()).toBe(1);
    expect(await find()).toBe(1);
    expect([...tasks.tasks]).toEqual([`projects/${project}/certificates/${old.id}`]);
    const postpone = new PostponeRenewal({ certificates: stores.certificates, clock });
    await postpone.run({ project, id: old.id });
    expect(await find()).toBe(0);
    clock.advance(DAY_MS);
    expect(await find()).toBe(1);
    await world.renewCertificate.run(input());
    expect(await find()).toBe(0);
    tasks.isAway = true;
    clock.advance(25 * DAY_MS);
    await expect(find()).rejects.toMatchObject({ code: 'scheduler-unavailable' });
  });
});
