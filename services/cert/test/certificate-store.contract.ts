import { randomUUID } from 'node:crypto';
import { IdempotencyError } from '@cert-tasks/idempotency';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Certificate } from '../src/domain/certificate.ts';
import { sampleClaim } from '../src/testing/cert-world.ts';
import { type ContractFixture, contractRows, DAY_MS } from './contract-fixture.ts';

/** What every CertificateStore promises. */
export function certificateStoreContract(fixture: () => ContractFixture): void {
  describe('certificates', () => {
    let tested: ContractFixture['tested'];
    let project: ContractFixture['project'];
    let root: ContractFixture['root'];
    let issuing: ContractFixture['issuing'];
    beforeAll(() => {
      ({ tested, project, root, issuing } = fixture());
    });
    const { intent, event, record, issue, find } = contractRows(fixture);
    it('gives back an intent as it was recorded', async () => {
      const certificate = intent();
      expect(await record(certificate)).toEqual({ outcome: 'recorded' });
      expect(await find(certificate.id)).toEqual(certificate);
    });

    it('keeps projects apart, and knows nothing of ids that are none', async () => {
      const { id } = await issue();
      expect(await find(id, 'other')).toBeUndefined();
      expect(await find('not-a-uuid')).toBeUndefined();
      expect(
        await tested.stores.certificates.list({
          project: 'other',
          order: { by: 'created', descending: true },
          limit: 9,
        }),
      ).toEqual([]);
      const revoked = await tested.stores.certificates.revoke({
        project: 'other',
        id,
        reason: 'superseded',
        version: undefined,
        claim: undefined,
        event: () => event('certificate.revoked', id),
      });
      expect(revoked).toEqual({ outcome: 'not-found' });
    });

    it('answers an equal request with the first certificate and refuses another under its id', async () => {
      const claim = sampleClaim();
      const first = intent();
      expect(await record(first, claim)).toEqual({ outcome: 'recorded' });
      expect(await record(intent(), claim)).toEqual({ outcome: 'replay', certificateId: first.id });
      const other = { key: claim.key, hash: new Uint8Array(32) };
      await expect(record(intent(), other)).rejects.toSatisfy(
        (error) => error instanceof IdempotencyError && error.code === 'request-id-reused',
      );
      expect((await tested.stores.certificates.findByClaim({ project, claim }))?.id).toBe(first.id);
      expect(await tested.stores.certificates.findByClaim({ project, claim: other })).toBeUndefined();
      expect(await tested.stores.certificates.findByClaim({ project: 'other', claim })).toBeUndefined();
    });

    it('makes one certificate of many equal requests at once, and all of many others beside them', async () => {
      const claim = sampleClaim();
      const equal = Array.from({ length: 20 }, () => record(intent(), claim));
      const others = Array.from({ length: 80 }, () => record(intent()));
      const outcomes = await Promise.all(equal);
      expect(outcomes.filter(({ outcome }) => outcome === 'recorded')).toHaveLength(1);
      const ids = new Set(outcomes.flatMap((outcome) => (outcome.outcome === 'replay' ? [outcome.certificateId] : [])));
      expect(ids.size).toBe(1);
      expect((await Promise.all(others)).every(({ outcome }) => outcome === 'recorded')).toBe(true);
    });

    it('refuses a serial that its issuer has used, and nothing beside it', async () => {
      const used = intent();
      await record(used);
      const neighbours = Array.from({ length: 5 }, () => intent());
      const claim = sampleClaim();
      const doubled = intent({ serial: used.serial });
      const results = await Promise.allSettled([record(doubled, claim), ...neighbours.map((one) => record(one))]);
      expect(results.map(({ status }) => status)).toEqual(['rejected', ...neighbours.map(() => 'fulfilled')]);
      expect(await find(doubled.id)).toBeUndefined();
      // The refused request is not remembered.
      expect(await record(intent(), claim)).toEqual({ outcome: 'recorded' });
      // Another issuer may have the same serial.
      expect(await record(intent({ serial: used.serial, authorityUid: root.uid }))).toEqual({ outcome: 'recorded' });
    });

    it('issues once, with one event', async () => {
      const certificate = intent();
      await record(certificate);
      const der = new Uint8Array([1, 2, 3]);
      const issued = event('certificate.created', `c/${certificate.id}`);
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () => tested.stores.certificates.markIssued({ certificate, der, event: issued })),
      );
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await find(certificate.id)).toEqual({ ...certificate, state: 'issued', der, version: 2n });
      expect(await tested.events(`c/${certificate.id}`)).toEqual(['certificate.created']);
    });

    it('fails a pending intent once, forgets its request and frees what it was to renew', async () => {
      const old = await issue();
      const claim = sampleClaim();
      const certificate = intent({ renewedFrom: old.id });
      await record(certificate, claim);
      expect((await find(old.id))?.replacedBy).toBe(certificate.id);
      const failed = { certificate, event: event('certificate.failed', `c/${certificate.id}`) };
      expect(await tested.stores.certificates.markFailed(failed)).toBe(true);
      expect(await tested.stores.certificates.markFailed(failed)).toBe(false);
      const late = {
        certificate,
        der: new Uint8Array([1]),
        event: event('certificate.renewed', `c/${certificate.id}`),
      };
      expect(await tested.stores.certificates.markIssued(late)).toBe(false);
      expect(await tested.events(`c/${certificate.id}`)).toEqual(['certificate.failed']);
      expect((await find(old.id))?.replacedBy).toBeUndefined();
      expect(await record(intent({ renewedFrom: old.id }), claim)).toEqual({ outcome: 'recorded' });
    });

    it('gives a certificate one successor, whoever asks at once', async () => {
      const old = await issue();
      const renewals = Array.from({ length: 10 }, () => intent({ renewedFrom: old.id }));
      const claims = renewals.map(() => sampleClaim());
      const outcomes = await Promise.all(renewals.map((renewal, index) => record(renewal, claims[index])));
      const winner = outcomes.findIndex(({ outcome }) => outcome === 'recorded');
      const successor = renewals[winner]?.id;
      expect(outcomes.filter(({ outcome }) => outcome === 'recorded')).toHaveLength(1);
      expect(outcomes.filter(({ outcome }) => outcome === 'already-renewed')).toEqual(
        Array.from({ length: 9 }, () => ({ outcome: 'already-renewed', certificateId: successor })),
      );
      expect((await find(old.id))?.replacedBy).toBe(successor);
      // Nor later.
      expect(await record(intent({ renewedFrom: old.id }))).toEqual({
        outcome: 'already-renewed',
        certificateId: successor,
      });
      // A refusal leaves no claim behind and no row.
      const loser = outcomes.findIndex(({ outcome }) => outcome === 'already-renewed');
      expect(await find(renewals[loser]?.id ?? '')).toBeUndefined();
      expect(await record(intent(), claims[loser])).toEqual({ outcome: 'recorded' });
    });

    it('renews neither what is not issued nor what is of another project', async () => {
      const pending = intent();
      await record(pending);
      expect(await record(intent({ renewedFrom: pending.id }))).toEqual({ outcome: 'not-renewable' });
      const foreign = await issue();
      expect(await record(intent({ project: 'other', renewedFrom: foreign.id }))).toEqual({
        outcome: 'not-renewable',
      });
      expect((await find(foreign.id))?.replacedBy).toBeUndefined();
    });

    it('revokes once, under guard of version and kind', async () => {
      const { id, serial } = await issue({ crlShard: 1 });
      const revoke = (changes: object) =>
        tested.stores.certificates.revoke({
          project,
          id,
          reason: 'key-compromise',
          version: undefined,
          claim: undefined,
          event: () => event('certificate.revoked', `r/${id}`),
          ...changes,
        });
      const claim = sampleClaim();
      expect((await revoke({ version: 9n, claim })).outcome).toBe('unchanged');
      expect(await tested.events(`r/${id}`)).toEqual([]);
      const outcome = await revoke({ version: 2n, claim });
      expect(outcome).toMatchObject({ outcome: 'revoked', certificate: { state: 'revoked', version: 3n, serial } });
      expect((await revoke({ claim })).outcome).toBe('unchanged');
      expect((await revoke({ reason: 'superseded' })).outcome).toBe('unchanged');
      expect((await find(id))?.revocation?.reason).toBe('key-compromise');
      expect(await tested.events(`r/${id}`)).toEqual(['certificate.revoked']);
      const ownId = issuing.certificateId ?? '';
      expect((await revoke({ id: ownId })).outcome).toBe('unchanged');
      expect((await find(ownId))?.state).toBe('issued');
    });

    it('lists by every condition', async () => {
      const own = `p-${randomUUID()}`;
      const notAfter = new Date(Date.now() + 2 * DAY_MS);
      const wanted = await issue({
        project: own,
        profile: 'server',
        names: { dnsNames: ['find.example', '*.find.example'], ipAddresses: [], uris: [], emailAddresses: [] },
        labels: { team: 'core', tier: '1' },
        notAfter,
      });
      const other = intent({ project: own, authorityId: 'another', profile: 'client' });
      await record(other);
      const ids = async (conditions: object): Promise<readonly string[]> => {
        const order = { by: 'created', descending: false } as const;
        const found = await tested.stores.certificates.list({ project: own, order, limit: 10, ...conditions });
        return found.map(({ id }) => id);
      };
      const sha256 = async (octets: Uint8Array): Promise<Uint8Array> =>
        new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(octets)));
      expect(new Set(await ids({}))).toEqual(new Set([wanted.id, other.id]));
      for (const conditions of [
        { state: 'issued' },
        { authorityId: issuing.id },
        { profile: 'server' },
        { serial: wanted.serial },
        { dnsName: '*.find.example' },
        { publicKeySha256: await sha256(wanted.spki) },
        { fingerprintSha256: await sha256(wanted.der ?? new Uint8Array()) },
        {
          labels: [
            { key: 'team', value: 'core' },
            { key: 'tier', value: '1' },
          ],
        },
        { expires: [{ operator: '>', at: new Date(Date.now() + 1.5 * DAY_MS) }] },
        { expires: [{ operator: '=', at: notAfter }] },
        {
          expires: [
            { operator: '>=', at: notAfter },
            { operator: '<=', at: notAfter },
          ],
        },
      ]) {
        expect(await ids(conditions), JSON.stringify(conditions)).toEqual([wanted.id]);
      }
      for (const conditions of [
        { state: 'revoked' },
        { authorityId: '' },
        { dnsName: 'find' },
        { labels: [{ key: 'team', value: 'other' }] },
        { expires: [{ operator: '<', at: new Date() }] },
      ]) {
        expect(await ids(conditions), JSON.stringify(conditions)).toEqual([]);
      }
    });

    it('pages in either order without gap or overlap, also among equal times', async () => {
      const own = `p-${randomUUID()}`;
      const at = new Date();
      const all = Array.from({ length: 7 }, (_, index) =>
        intent({ project: own, createdAt: at, notAfter: new Date(at.getTime() + DAY_MS + (index % 3) * 1_000) }),
      );
      for (const one of all) await record(one);
      for (const by of ['created', 'expires'] as const) {
        for (const descending of [false, true]) {
          const seen: string[] = [];
          let after: { at: Date; id: string } | undefined;
          for (;;) {
            const page = await tested.stores.certificates.list({
              project: own,
              order: { by, descending },
              limit: 2,
              ...(after !== undefined && { after }),
            });
            const last = page.at(-1);
            seen.push(...page.map(({ id }) => id));
            if (last === undefined) break;
            after = { at: by === 'created' ? last.createdAt : last.notAfter, id: last.id };
          }
          const key = (one: Certificate): string =>
            `${(by === 'created' ? one.createdAt : one.notAfter).toISOString()} ${one.id}`;
          const expected = all.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)).map(({ id }) => id);
          expect(seen).toEqual(descending ? expected.toReversed() : expected);
        }
      }
    });

    it('lists pending intents by age and page, without those of authorities', async () => {
      const mine = [intent(), intent(), intent()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
      for (const one of mine) await record(one);
      const authorityIntent = intent({ profile: 'authority' });
      await record(authorityIntent);
      const listed: string[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await tested.stores.certificates.listPending({ olderThanMs: 0, after, limit: 2 });
        listed.push(...page.map(({ id }) => id));
        after = page.at(-1)?.id;
        if (page.length < 2) break;
      }
      expect(listed).toEqual(listed.toSorted());
      expect(listed).toEqual(expect.arrayContaining(mine.map(({ id }) => id)));
      expect(listed).not.toContain(authorityIntent.id);
      expect(
        await tested.stores.certificates.listPending({ olderThanMs: 3_600_000, after: undefined, limit: 9 }),
      ).toEqual([]);
    });

    it('lists what is due for renewal, until it is renewed, put off or expired', async () => {
      const now = new Date();
      const opened = { start: new Date(now.getTime() - 1_000), end: new Date(now.getTime() + DAY_MS) };
      const due = await issue({ renewal: opened });
      const renewed = await issue({ renewal: opened });
      await record(intent({ renewedFrom: renewed.id }));
      const expired = await issue({ renewal: opened, notAfter: new Date(now.getTime() - 500) });
      const early = await issue();
      const listed = async (): Promise<readonly string[]> =>
        (await tested.stores.certificates.listDueRenewals({ now, after: undefined, limit: 1_000 })).map(({ id }) => id);
      const first = await listed();
      expect(first).toContain(due.id);
      for (const { id } of [renewed, expired, early]) expect(first).not.toContain(id);
      const page = await tested.stores.certificates.listDueRenewals({
        now,
        after: { renewAt: opened.start, id: due.id },
        limit: 1_000,
      });
      expect(page.map(({ id }) => id)).not.toContain(due.id);
      const until = new Date(now.getTime() + 3_600_000);
      expect(await tested.stores.certificates.postponeRenewal({ project: 'other', id: due.id, until })).toBe(false);
      expect(await tested.stores.certificates.postponeRenewal({ project, id: due.id, until })).toBe(true);
      expect(await tested.stores.certificates.postponeRenewal({ project, id: renewed.id, until })).toBe(false);
      expect(await listed()).not.toContain(due.id);
    });
  });
}
