import type { AuthorityOutcome, AuthorityStore } from '../application/ports/authority-store.ts';
import type { RequestClaim } from '../application/ports/certificate-store.ts';
import { type ActiveAuthority, type Authority, isActive } from '../domain/authority.ts';
import type { Certificate } from '../domain/certificate.ts';
import type { InMemoryDatabase } from './in-memory-database.ts';

/** Authorities in memory, held to the same contract as PostgreSQL's. */
export class InMemoryAuthorityStore implements AuthorityStore {
  readonly #db: InMemoryDatabase;

  constructor(db: InMemoryDatabase) {
    this.#db = db;
  }

  async record(authority: Authority, { claim }: { claim: RequestClaim | undefined }): Promise<AuthorityOutcome> {
    const earlier = this.#db.claim(claim, authority.uid);
    if (earlier !== undefined) return { outcome: 'replay', uid: earlier };
    if (this.#all().some(({ project, id }) => project === authority.project && id === authority.id)) {
      this.#db.release(claim);
      return { outcome: 'exists' };
    }
    this.#db.authorities.set(authority.uid, { authority, recordedAtMs: Date.now() });
    return { outcome: 'recorded' };
  }

  async setKey({ uid, spki }: { uid: string; spki: Uint8Array }): Promise<boolean> {
    const found = this.#get(uid);
    if (found?.state !== 'creating' || found.spki !== undefined) return false;
    this.#change(found, { spki });
    return true;
  }

  async recordCertificateIntent(input: { authority: Authority; intent: Certificate }): Promise<boolean> {
    const found = this.#get(input.authority.uid);
    if (found?.state !== 'creating' || found.certificateId !== undefined) return false;
    this.#db.insertIntent(input.intent, undefined);
    this.#change(found, { certificateId: input.intent.id });
    return true;
  }

  async activate(input: Parameters<AuthorityStore['activate']>[0]): Promise<boolean> {
    const { authority, certificate, der, chain } = input;
    const found = this.#get(authority.uid);
    if (found?.state !== 'creating' || found.certificateId !== certificate.id) return false;
    const { notBefore, notAfter } = certificate;
    this.#change(found, { state: 'active', certificate: der, chain, notBefore, notAfter });
    this.#db.change(certificate, { state: 'issued', der });
    for (let shard = 0; shard < found.crlShardCount; shard++) {
      this.#db.shards.set(`${found.uid}/${shard}`, {
        authorityUid: found.uid,
        shard,
        nextNumber: 1n,
        revision: 0n,
        publishedRevision: 0n,
        dueAt: new Date(),
        failures: 0,
        retryAt: undefined,
        currentCrlId: undefined,
      });
    }
    this.#db.events.push(...input.events);
    return true;
  }

  async dropCertificateIntent(input: { authority: Authority; certificate: Certificate }): Promise<void> {
    const found = this.#get(input.authority.uid);
    if (found?.state !== 'creating' || found.certificateId !== input.certificate.id) return;
    this.#change(found, { certificateId: undefined });
    this.#db.change(input.certificate, { state: 'failed' });
  }

  async find({ project, id }: { project: string; id: string }): Promise<Authority | undefined> {
    return this.#all().find((authority) => authority.project === project && authority.id === id);
  }

  async findByUid(uid: string): Promise<Authority | undefined> {
    return this.#get(uid);
  }

  async findDefault({ project, now }: { project: string; now: Date }): Promise<ActiveAuthority | undefined> {
    return this.#all()
      .filter(isActive)
      .filter(
        (authority) => authority.project === project && authority.type === 'subordinate' && authority.notAfter > now,
      )
      .toSorted(byAge)[0];
  }

  async list(query: Parameters<AuthorityStore['list']>[0]): Promise<readonly Authority[]> {
    const { project, after, limit } = query;
    return this.#all()
      .filter((authority) => authority.project === project && (after === undefined || byAge(authority, after) > 0))
      .toSorted(byAge)
      .slice(0, limit);
  }

  async listUnfinished(input: Parameters<AuthorityStore['listUnfinished']>[0]): Promise<readonly Authority[]> {
    return [...this.#db.authorities.values()]
      .filter(({ recordedAtMs }) => recordedAtMs <= Date.now() - input.olderThanMs)
      .map(({ authority }) => authority)
      .filter(({ state, uid }) => state === 'creating' && uid > (input.after ?? ''))
      .toSorted((a, b) => (a.uid < b.uid ? -1 : 1))
      .slice(0, input.limit);
  }

  #change(authority: Authority, changes: Partial<Authority>): void {
    const record = this.#db.authorities.get(authority.uid);
    if (record === undefined) return;
    const changed = { ...record.authority, ...changes, version: record.authority.version + 1n };
    this.#db.authorities.set(authority.uid, { ...record, authority: changed });
  }

  #all(): Authority[] {
    return [...this.#db.authorities.values()].map(({ authority }) => authority);
  }

  #get(uid: string): Authority | undefined {
    return this.#db.authorities.get(uid)?.authority;
  }
}

function byAge(a: { createdAt: Date; uid: string }, b: { createdAt: Date; uid: string }): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.uid < b.uid ? -1 : Number(a.uid > b.uid));
}
