import { randomBytes } from 'node:crypto';
import { newId, systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { beforeAll, describe, expect } from 'vitest';
import type { IntentOutcome } from '../src/application/ports/certificate-store.ts';
import type { Authority } from '../src/domain/authority.ts';
import type { Certificate } from '../src/domain/certificate.ts';
import { type CertEvent, loopOrigin } from '../src/domain/event.ts';
import { type CertWorld, certWorld, sampleClaim, type WorldStores } from '../src/testing/cert-world.ts';

/** What a suite needs of an implementation. */
export interface StoresUnderTest {
  readonly stores: WorldStores;
  /** Types of the events about a subject, in order. */
  events(subject: string): Promise<readonly string[]>;
}

/** An implementation with two authorities in a project. */
export interface ContractFixture {
  readonly tested: StoresUnderTest;
  readonly world: CertWorld;
  readonly project: string;
  readonly root: Authority;
  readonly issuing: Authority;
}

/** A length of time. */
export const DAY_MS = 24 * 60 * 60 * 1000;

/** Runs suites over one implementation. */
export function describeOver(
  name: string,
  options: { open: () => Promise<StoresUnderTest>; suites: readonly ((fixture: () => ContractFixture) => void)[] },
): void {
  describe(name, () => {
    let fixture: ContractFixture | undefined;
    beforeAll(async () => {
      const tested = await options.open();
      const world = certWorld(tested.stores);
      const { project, root, subordinate: issuing } = await world.project({ crlShardCount: 2 });
      fixture = { tested, world, project, root, issuing };
    });
    for (const suite of options.suites) {
      suite(() => {
        if (fixture === undefined) throw new Error('The stores are not open.');
        return fixture;
      });
    }
  });
}

/** Rows of a test's own. */
export function contractRows(fixture: () => ContractFixture) {
  const intent = (changes: Partial<Certificate> = {}): Certificate => {
    const { project, issuing } = fixture();
    const serial = new Uint8Array(randomBytes(20));
    serial[0] = 0x11;
    const now = Date.now();
    return {
      id: newId({ clock: systemClock, randomBytes: systemRandomBytes }),
      project,
      state: 'pending',
      authorityUid: issuing.uid,
      authorityId: issuing.id,
      profile: 'server',
      profileRevision: 1,
      serial,
      subject: '',
      names: {
        dnsNames: ['a.example', 'b.example'],
        ipAddresses: ['192.0.2.1'],
        uris: [],
        emailAddresses: ['"o\\dd"@x.example'],
      },
      notBefore: new Date(now - 300_000),
      notAfter: new Date(now + DAY_MS),
      tbs: new Uint8Array(randomBytes(64)),
      spki: new Uint8Array(randomBytes(64)),
      der: undefined,
      crlShard: 0,
      labels: { team: 'x', 'with"quote': '\\' },
      renewal: { start: new Date(now + DAY_MS / 2), end: new Date(now + DAY_MS) },
      renewedFrom: undefined,
      replacedBy: undefined,
      revocation: undefined,
      createdAt: new Date(now),
      version: 1n,
      ...changes,
    };
  };
  const event = (type: CertEvent['type'], subject: string): CertEvent => ({
    type,
    subject,
    project: fixture().project,
    origin: loopOrigin('test'),
    result: 'success',
    reason: '',
    data: { list: ['a'], nested: { n: 1 } },
  });
  const record = (certificate: Certificate, claim = sampleClaim()): Promise<IntentOutcome> =>
    fixture().tested.stores.certificates.recordIntent(certificate, { claim });
  const issue = async (changes: Partial<Certificate> = {}): Promise<Certificate> => {
    const certificate = intent(changes);
    expect(await record(certificate)).toEqual({ outcome: 'recorded' });
    const der = new Uint8Array(randomBytes(80));
    const issued = event('certificate.created', `c/${certificate.id}`);
    expect(await fixture().tested.stores.certificates.markIssued({ certificate, der, event: issued })).toBe(true);
    return { ...certificate, state: 'issued', der, version: 2n };
  };
  const find = (id: string, inProject = fixture().project) =>
    fixture().tested.stores.certificates.find({ project: inProject, id });
  return { intent, event, record, issue, find };
}
