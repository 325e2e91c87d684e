import { randomBytes, randomUUID } from 'node:crypto';
import { IdempotencyError } from '@cert-tasks/idempotency';
import { newId, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Authority } from '../src/domain/authority.ts';
import type { Certificate } from '../src/domain/certificate.ts';
import { sampleClaim } from '../src/testing/cert-world.ts';
import { type ContractFixture, contractRows } from './contract-fixture.ts';

/** What every AuthorityStore promises. */
export function authorityStoreContract(fixture: () => ContractFixture): void {
  describe('authorities', () => {
    let tested: ContractFixture['tested'];
    let project: ContractFixture['project'];
    let root: ContractFixture['root'];
    let issuing: ContractFixture['issuing'];
    beforeAll(() => {
      ({ tested, project, root, issuing } = fixture());
    });
    const { intent, event, find } = contractRows(fixture);
    const draft = (changes: Partial<Authority> = {}): Authority => ({
      ...issuing,
      uid: newId({ clock: systemClock, randomBytes: systemRandomBytes }),
      id: `a-${randomUUID().slice(0, 8)}`,
      state: 'creating',
      spki: undefined,
      certificateId: undefined,
      certificate: undefined,
      chain: [],
      notBefore: undefined,
      notAfter: undefined,
      createdAt: new Date(),
      version: 1n,
      ...changes,
    });
    const authorities = () => tested.stores.authorities;

    it('gives back what it was given, by name and uid, in its project alone', async () => {
      const authority = draft();
      expect(await authorities().record(authority, { claim: undefined })).toEqual({ outcome: 'recorded' });
      expect(await authorities().findByUid(authority.uid)).toEqual(authority);
      expect(await authorities().find(authority)).toEqual(authority);
      expect(await authorities().find({ project: 'other', id: authority.id })).toBeUndefined();
    });

    it('takes a name once, and answers an equal request with the first', async () => {
      const claim = sampleClaim();
      const authority = draft();
      const taken = draft({ id: authority.id });
      expect(await authorities().record(authority, { claim })).toEqual({ outcome: 'recorded' });
      expect(await authorities().record(taken, { claim })).toEqual({ outcome: 'replay', uid: authority.uid });
      const refused = sampleClaim();
      expect(await authorities().record(taken, { claim: refused })).toEqual({ outcome: 'exists' });
      expect(await authorities().record(draft(), { claim: refused })).toEqual({ outcome: 'recorded' });
      await expect(
        authorities().record(draft(), { claim: { key: claim.key, hash: new Uint8Array(32) } }),
      ).rejects.toBeInstanceOf(IdempotencyError);
    });

    it('takes each step of creation once', async () => {
      const authority = draft({ crlShardCount: 3 });
      await authorities().record(authority, { claim: undefined });
      const spki = new Uint8Array(randomBytes(30));
      expect(await authorities().setKey({ uid: authority.uid, spki })).toBe(true);
      expect(await authorities().setKey({ uid: authority.uid, spki: new Uint8Array([1]) })).toBe(false);
      const keyed = { ...authority, spki };
      const first = intent({ profile: 'authority', authorityUid: root.uid });
      expect(await authorities().recordCertificateIntent({ authority: keyed, intent: first })).toBe(true);
      const second = intent({ profile: 'authority', authorityUid: root.uid });
      expect(await authorities().recordCertificateIntent({ authority: keyed, intent: second })).toBe(false);
      expect(await find(second.id)).toBeUndefined();

      await authorities().dropCertificateIntent({ authority, certificate: first });
      expect((await find(first.id))?.state).toBe('failed');
      expect(await authorities().recordCertificateIntent({ authority: keyed, intent: second })).toBe(true);
      const activation = (certificate: Certificate) => ({
        authority: keyed,
        certificate,
        der: new Uint8Array([9]),
        chain: [new Uint8Array([9]), new Uint8Array([8, 0, 92])],
        events: [event('authority.created', `a/${authority.uid}`)],
      });
      expect(await authorities().activate(activation(first))).toBe(false);
      expect(await authorities().activate(activation(second))).toBe(true);
      expect(await authorities().activate(activation(second))).toBe(false);
      expect(await authorities().findByUid(authority.uid)).toMatchObject({
        state: 'active',
        chain: [new Uint8Array([9]), new Uint8Array([8, 0, 92])],
        notAfter: second.notAfter,
      });
      expect((await find(second.id))?.state).toBe('issued');
      expect(await tested.events(`a/${authority.uid}`)).toEqual(['authority.created']);
      const due = await tested.stores.crls.listDue({ now: new Date(Date.now() + 5_000), limit: 1_000 });
      expect(
        due
          .filter(({ authorityUid }) => authorityUid === authority.uid)
          .map(({ shard }) => shard)
          .toSorted(),
      ).toEqual([0, 1, 2]);
    });

    it('finds the oldest active subordinate that has not expired', async () => {
      expect((await authorities().findDefault({ project, now: new Date() }))?.uid).toBe(issuing.uid);
      const after = new Date((issuing.notAfter?.getTime() ?? 0) + 1_000);
      expect(await authorities().findDefault({ project, now: after })).toBeUndefined();
      expect(await authorities().findDefault({ project: 'other', now: new Date() })).toBeUndefined();
    });

    it('lists by age, page by page, and the unfinished by uid', async () => {
      const own = `p-${randomUUID()}`;
      const all = Array.from({ length: 3 }, () => draft({ project: own, createdAt: new Date(1_700_000_000_000) }));
      for (const authority of all) await authorities().record(authority, { claim: undefined });
      const expected = all.toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
      const first = await authorities().list({ project: own, after: undefined, limit: 2 });
      expect(first).toEqual(expected.slice(0, 2));
      const last = first.at(-1);
      expect(await authorities().list({ project: own, after: last, limit: 2 })).toEqual(expected.slice(2));
      const unfinished = await authorities().listUnfinished({ olderThanMs: 0, after: undefined, limit: 1_000 });
      expect(unfinished).toEqual(expect.arrayContaining(expected));
      expect(unfinished.map(({ uid }) => uid)).not.toContain(issuing.uid);
      const beyond = await authorities().listUnfinished({ olderThanMs: 0, after: expected[1]?.uid, limit: 1_000 });
      expect(beyond.map(({ uid }) => uid)).not.toContain(expected[1]?.uid);
      expect(await authorities().listUnfinished({ olderThanMs: 3_600_000, after: undefined, limit: 9 })).toEqual([]);
    });
  });
}
