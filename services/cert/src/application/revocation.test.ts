import { fakeClock } from '@cert-tasks/testkit';
import { parseCertificateList, parsePublicKey, toHex, verifyCertificateListSignature } from '@cert-tasks/x509';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Authority } from '../domain/authority.ts';
import type { Certificate } from '../domain/certificate.ts';
import type { RevocationReason } from '../domain/revocation-reason.ts';
import { type CertWorld, certWorld, SAMPLE_ORIGIN } from '../testing/cert-world.ts';
import { inMemoryStores } from '../testing/in-memory-stores.ts';

describe('revocation', () => {
  let stores: ReturnType<typeof inMemoryStores>;
  let clock: ReturnType<typeof fakeClock>;
  let world: CertWorld;
  let project: string;
  let issuer: Authority;

  beforeEach(async () => {
    stores = inMemoryStores();
    clock = fakeClock(new Date(Math.floor(Date.now() / 1_000) * 1_000 + 10_000));
    world = certWorld(stores, { clock });
    ({ project, subordinate: issuer } = await world.project());
  });

  const issue = async (): Promise<Certificate> =>
    (await world.issueCertificate.run(world.issueInput(project))).certificate;
  const revoke = (id: string, changes: { reason?: RevocationReason; version?: bigint } = {}) =>
    world.revokeCertificate.run({
      project,
      id,
      reason: 'key-compromise',
      version: undefined,
      claim: undefined,
      origin: SAMPLE_ORIGIN,
      ...changes,
    });
  const signal = (): AbortSignal => AbortSignal.timeout(5_000);
  const current = async () => {
    const crl = await stores.crls.findCurrent({ authorityUid: issuer.uid, shard: 0 });
    const parsed = parseCertificateList(crl?.der ?? new Uint8Array());
    expect(verifyCertificateListSignature(parsed, parsePublicKey(issuer.spki ?? new Uint8Array()))).toBe(true);
    return parsed;
  };

  it('is listed by the next CRL with its reason, and numbers grow', async () => {
    // Root and subordinate each have a first CRL due.
    expect(await world.publishDueCrls.run(signal())).toBe(2);
    const empty = await current();
    expect([...empty.entries()]).toEqual([]);
    const [kept, lost, plain] = [await issue(), await issue(), await issue()];
    await revoke(lost.id);
    await revoke(plain.id, { reason: 'not-stated' });
    expect(await world.publishDueCrls.run(signal())).toBe(1);
    expect(await world.publishDueCrls.run(signal())).toBe(0);
    const crl = await current();
    const listed = new Map(
      [...crl.entries()].map((entry) => [toHex(entry.serialNumberBytes).padStart(40, '0'), entry.reason]),
    );
    expect(listed).toEqual(
      new Map([
        [toHex(lost.serial), 'keyCompromise'],
        [toHex(plain.serial), 'unspecified'],
      ]),
    );
    expect(listed.has(toHex(kept.serial))).toBe(false);
    expect(crl.crlNumber).toBe((empty.crlNumber ?? 0n) + 1n);
    expect(crl.thisUpdate).toEqual(new Date(clock.now().getTime() - 300_000));
    expect(crl.nextUpdate).toEqual(new Date(clock.now().getTime() + 86_400_000));
    // A single shard is complete: it answers for every certificate, also for one that names no distribution point.
    expect(crl.issuingDistributionPoint).toBeUndefined();
    expect(stores.db.events.at(-1)).toMatchObject({ type: 'crl.published', data: { crlNumber: '2', shard: 0 } });
  });

  it('is published again after a quarter of its life', async () => {
    await world.publishDueCrls.run(signal());
    clock.advance(6 * 3_600_000 - 1_000);
    expect(await world.publishDueCrls.run(signal())).toBe(0);
    clock.advance(2_000);
    expect(await world.publishDueCrls.run(signal())).toBe(2);
  });

  it('is for good, and the same again changes nothing', async () => {
    const { id } = await issue();
    expect(await revoke(id)).toMatchObject({ state: 'revoked' });
    const events = stores.db.events.length;
    expect((await revoke(id)).version).toBe(3n);
    expect(stores.db.events).toHaveLength(events);
    await expect(revoke(id, { reason: 'superseded' })).rejects.toMatchObject({
      code: 'already-revoked',
      field: 'reason',
    });
  });

  it('is refused for what is not there, not issued, changed, or of an authority', async () => {
    const { id, version } = await issue();
    await expect(revoke(id, { version: version + 1n })).rejects.toMatchObject({ code: 'etag-mismatch', field: 'etag' });
    await expect(revoke(id, { reason: 'ca-compromise' })).rejects.toMatchObject({
      code: 'reason-not-allowed',
      field: 'reason',
    });
    await expect(revoke('00000000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: 'certificate-not-found',
    });
    await expect(revoke(issuer.certificateId ?? '')).rejects.toMatchObject({ code: 'certificate-not-issued' });
    world.signer.mood = 'away';
    await expect(issue()).rejects.toMatchObject({ code: 'signer-unavailable' });
    const [pending] = await stores.certificates.listPending({ olderThanMs: 0, after: undefined, limit: 1 });
    await expect(revoke(pending?.id ?? '')).rejects.toMatchObject({ code: 'certificate-not-issued' });
  });

  it('is not lost where the answer for a CRL is: the CRL that was begun is ended first', async () => {
    const { id, serial } = await issue();
    await world.publishDueCrls.run(signal());
    world.signer.mood = 'lost';
    await revoke(id);
    await expect(world.publishDueCrls.run(signal())).rejects.toMatchObject({ code: 'signer-unavailable' });
    world.signer.mood = 'well';
    expect(await world.publishDueCrls.run(signal())).toBe(1);
    expect([...(await current()).entries()].map((entry) => toHex(entry.serialNumberBytes).padStart(40, '0'))).toEqual([
      toHex(serial),
    ]);
  });

  it('takes a new number where signer has voided the CRL that was begun', async () => {
    world.signer.mood = 'away';
    await expect(world.publishDueCrls.run(signal())).rejects.toMatchObject({ code: 'signer-unavailable' });
    world.signer.mood = 'well';
    for (let round = 0; round < 3; round++) await world.publishDueCrls.run(signal());
    const numbers = [...stores.db.crls.values()].map(({ number, state }) => `${number} ${state}`);
    expect(numbers.toSorted()).toEqual(['1 failed', '1 published', '2 published']);
  });

  it('of one authority is published though the key of another is refused', async () => {
    const other = await world.project();
    const sign = world.signer.sign.bind(world.signer);
    const { keyName } = other.subordinate;
    world.signer.sign = async (order) => {
      if (order.keyName === keyName) world.signer.mood = 'refusing';
      try {
        return await sign(order);
      } finally {
        world.signer.mood = 'well';
      }
    };
    const { id } = await issue();
    await revoke(id);
    expect(await world.publishDueCrls.run(signal())).toBe(3);
    expect(world.crlFailures).toMatchObject([
      { shard: { authorityUid: other.subordinate.uid }, error: { code: 'issuance-refused' } },
    ]);
    // It is put off, and does not spin.
    expect(await world.publishDueCrls.run(signal())).toBe(0);
    expect(world.crlFailures).toHaveLength(1);
  });
});
