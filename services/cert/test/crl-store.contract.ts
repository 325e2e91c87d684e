import { randomBytes } from 'node:crypto';
import { newId, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ShardContent, StoredCrl } from '../src/application/ports/crl-store.ts';
import type { Certificate } from '../src/domain/certificate.ts';
import { type ContractFixture, contractRows, DAY_MS } from './contract-fixture.ts';

/** What every CrlStore promises. */
export function crlStoreContract(fixture: () => ContractFixture): void {
  describe('CRLs', () => {
    let tested: ContractFixture['tested'];
    let world: ContractFixture['world'];
    beforeAll(() => {
      ({ tested, world } = fixture());
    });
    const { event, issue } = contractRows(fixture);
    const crls = () => tested.stores.crls;
    const build =
      (shard: { authorityUid: string; shard: number }, thisUpdate = new Date()) =>
      (content: ShardContent): StoredCrl => ({
        id: newId({ clock: systemClock, randomBytes: systemRandomBytes }),
        ...shard,
        number: content.number,
        state: 'pending',
        tbs: new Uint8Array(randomBytes(16)),
        der: undefined,
        thisUpdate,
        nextUpdate: new Date(thisUpdate.getTime() + DAY_MS),
        revision: content.revision,
      });
    const isDue = async (shard: { authorityUid: string; shard: number }, now = new Date()): Promise<boolean> =>
      (await crls().listDue({ now, limit: 1_000 })).some(
        (due) => due.authorityUid === shard.authorityUid && due.shard === shard.shard,
      );
    const publish = async (crl: StoredCrl): Promise<boolean> =>
      crls().publish({
        crl,
        der: new Uint8Array([7]),
        dueAt: new Date(Date.now() + DAY_MS / 4),
        event: event('crl.published', `crl/${crl.id}`),
      });
    const revokeOne = async (changes: Partial<Certificate> & { project: string }): Promise<Certificate> => {
      const certificate = await issue(changes);
      await tested.stores.certificates.revoke({
        project: changes.project,
        id: certificate.id,
        reason: 'not-stated',
        version: undefined,
        claim: undefined,
        event: () => event('certificate.revoked', `r/${certificate.id}`),
      });
      return certificate;
    };

    it('numbers, lists and publishes; a revocation makes the shard due again', async () => {
      const own = await world.project();
      const shard = { authorityUid: own.subordinate.uid, shard: 0 };
      const mine = { project: own.project, authorityUid: shard.authorityUid };
      expect(await isDue(shard, new Date(Date.now() + 5_000))).toBe(true);
      expect(await crls().findCurrent(shard)).toBeUndefined();

      let content: ShardContent | undefined;
      const first = await crls().recordIntent({
        shard,
        build: (given) => {
          content = given;
          return build(shard)(given);
        },
      });
      expect(content).toEqual({ number: 1n, revision: 0n, entries: [] });
      expect(await crls().findPending(shard)).toEqual(first);
      await expect(crls().recordIntent({ shard, build: build(shard) })).rejects.toThrow();

      // A revocation while the CRL is being signed is in the next one.
      const revoked = await revokeOne(mine);
      expect(await publish(first)).toBe(true);
      expect(await publish(first)).toBe(false);
      expect(await tested.events(`crl/${first.id}`)).toEqual(['crl.published']);
      expect(await crls().findCurrent(shard)).toMatchObject({
        id: first.id,
        state: 'published',
        der: new Uint8Array([7]),
      });
      expect(await isDue(shard)).toBe(true);

      const second = await crls().recordIntent({
        shard,
        build: (given) => {
          content = given;
          return build(shard)(given);
        },
      });
      expect(content).toMatchObject({ revision: 1n, entries: [{ serial: revoked.serial, reason: 'not-stated' }] });
      expect(second.number > first.number).toBe(true);
      expect(await publish(second)).toBe(true);
      expect(await isDue(shard)).toBe(false);
      expect(await isDue(shard, new Date(Date.now() + DAY_MS))).toBe(true);
      expect(await crls().findPending(shard)).toBeUndefined();
    });

    it('ends a CRL that signer has voided, and takes another number', async () => {
      const own = await world.project();
      const shard = { authorityUid: own.subordinate.uid, shard: 0 };
      const voided = await crls().recordIntent({ shard, build: build(shard) });
      await crls().fail(voided);
      expect(await publish(voided)).toBe(false);
      expect(await crls().findPending(shard)).toBeUndefined();
      expect((await crls().recordIntent({ shard, build: build(shard) })).number).toBeGreaterThan(voided.number);
    });

    it('lists an expired certificate once more, then no longer', async () => {
      const own = await world.project();
      const shard = { authorityUid: own.subordinate.uid, shard: 0 };
      const expired = {
        notAfter: new Date(Date.now() - 60_000),
        project: own.project,
        authorityUid: shard.authorityUid,
      };
      await revokeOne(expired);
      const counts: number[] = [];
      // The first CRL begins before the expiry, so it is not yet the one past it.
      for (const thisUpdate of [new Date(Date.now() - 120_000), new Date(), new Date()]) {
        const crl = await crls().recordIntent({
          shard,
          build: (content) => {
            counts.push(content.entries.length);
            return build(shard, thisUpdate)(content);
          },
        });
        await publish(crl);
      }
      expect(counts).toEqual([1, 1, 0]);
    });

    it('lists what was revoked after its expiry while the last CRL was being signed', async () => {
      const own = await world.project();
      const shard = { authorityUid: own.subordinate.uid, shard: 0 };
      const begun = await crls().recordIntent({ shard, build: build(shard) });
      const expired = { notAfter: new Date(Date.now() - 60_000), project: own.project };
      const { serial } = await revokeOne({ ...expired, authorityUid: shard.authorityUid });
      await publish(begun);
      let listed: readonly Uint8Array[] = [];
      await crls().recordIntent({
        shard,
        build: (content) => {
          listed = content.entries.map((entry) => entry.serial);
          return build(shard)(content);
        },
      });
      expect(listed).toEqual([serial]);
    });

    it('puts a failing shard off, longer each time, until it is published', async () => {
      const own = await world.project();
      const shard = { authorityUid: own.subordinate.uid, shard: 0 };
      const now = new Date(Date.now() + 10_000);
      const after = (ms: number): Date => new Date(now.getTime() + ms);
      await crls().putOff({ shard, now });
      expect(await isDue(shard, after(900))).toBe(false);
      expect(await isDue(shard, after(1_000))).toBe(true);
      await crls().putOff({ shard, now });
      expect(await isDue(shard, after(1_900))).toBe(false);
      for (let failure = 0; failure < 40; failure++) await crls().putOff({ shard, now });
      expect(await isDue(shard, after(299_000))).toBe(false);
      expect(await isDue(shard, after(300_000))).toBe(true);
      await publish(await crls().recordIntent({ shard, build: build(shard) }));
      await revokeOne({ project: own.project, authorityUid: shard.authorityUid });
      expect(await isDue(shard)).toBe(true);
    });
  });
}
