import { createHash } from 'node:crypto';
import { bytesEqual } from '@cert-tasks/kernel';
import { toHex } from '@cert-tasks/x509';
import type {
  CertificateQuery,
  CertificateStore,
  DueRenewal,
  IntentOutcome,
  RequestClaim,
  RevokeOutcome,
} from '../application/ports/certificate-store.ts';
import type { Certificate } from '../domain/certificate.ts';
import type { CertEvent } from '../domain/event.ts';
import { AUTHORITY_PROFILE } from '../domain/issuance-profile.ts';
import type { InMemoryDatabase } from './in-memory-database.ts';

/** Certificates in memory, held to the same contract as PostgreSQL's. */
export class InMemoryCertificateStore implements CertificateStore {
  readonly #db: InMemoryDatabase;

  constructor(db: InMemoryDatabase) {
    this.#db = db;
  }

  async recordIntent(intent: Certificate, { claim }: { claim: RequestClaim | undefined }): Promise<IntentOutcome> {
    const earlier = this.#db.claim(claim, intent.id);
    if (earlier !== undefined) return { outcome: 'replay', certificateId: earlier };
    try {
      const refusal = this.#refusalToRenew(intent);
      if (refusal !== undefined) {
        this.#db.release(claim);
        return refusal;
      }
      this.#db.insertIntent(intent, claim && toHex(claim.key));
    } catch (error) {
      this.#db.release(claim);
      throw error;
    }
    const old = this.#get(intent.project, intent.renewedFrom ?? '');
    if (old !== undefined) this.#db.change(old, { replacedBy: intent.id });
    return { outcome: 'recorded' };
  }

  async markIssued(input: { certificate: Certificate; der: Uint8Array; event: CertEvent }): Promise<boolean> {
    const found = this.#get(input.certificate.project, input.certificate.id);
    if (found?.state !== 'pending') return false;
    this.#db.change(found, { state: 'issued', der: input.der });
    this.#db.events.push(input.event);
    return true;
  }

  async markFailed({ certificate, event }: { certificate: Certificate; event: CertEvent }): Promise<boolean> {
    const found = this.#get(certificate.project, certificate.id);
    if (found?.state !== 'pending') return false;
    this.#db.change(found, { state: 'failed' });
    const key = this.#db.certificates.get(found.id)?.requestKey;
    if (key !== undefined) this.#db.requests.delete(key);
    const old = this.#get(found.project, found.renewedFrom ?? '');
    if (old?.replacedBy === found.id) this.#db.change(old, { replacedBy: undefined });
    this.#db.events.push(event);
    return true;
  }

  async revoke(input: Parameters<CertificateStore['revoke']>[0]): Promise<RevokeOutcome> {
    const found = this.#get(input.project, input.id);
    if (found === undefined) return { outcome: 'not-found' };
    if (this.#db.claim(input.claim, found.id) !== undefined) return { outcome: 'unchanged', certificate: found };
    const isExpected = input.version === undefined || input.version === found.version;
    if (found.state !== 'issued' || found.profile === AUTHORITY_PROFILE || !isExpected) {
      this.#db.release(input.claim);
      return { outcome: 'unchanged', certificate: found };
    }
    const revocation = { at: new Date(), reason: input.reason };
    const certificate = this.#db.change(found, { state: 'revoked', revocation });
    const key = `${found.authorityUid}/${found.crlShard}`;
    const shard = this.#db.shards.get(key);
    if (shard === undefined) throw new Error(`There is no shard ${key}.`);
    const revision = shard.revision + 1n;
    this.#db.shards.set(key, { ...shard, revision });
    this.#db.revocations.push({
      authorityUid: found.authorityUid,
      shard: found.crlShard,
      serial: found.serial,
      revokedAt: revocation.at,
      reason: input.reason,
      notAfter: found.notAfter,
      revision,
      isListedPastExpiry: false,
    });
    this.#db.events.push(input.event(certificate));
    return { outcome: 'revoked', certificate };
  }

  async find({ project, id }: { project: string; id: string }): Promise<Certificate | undefined> {
    return this.#get(project, id);
  }

  async findByClaim({ project, claim }: { project: string; claim: RequestClaim }): Promise<Certificate | undefined> {
    const request = this.#db.requests.get(toHex(claim.key));
    return request?.hash === toHex(claim.hash) ? this.#get(project, request.resource) : undefined;
  }

  async list(query: CertificateQuery): Promise<readonly Certificate[]> {
    const { order, after } = query;
    const at = (certificate: Certificate): Date =>
      order.by === 'created' ? certificate.createdAt : certificate.notAfter;
    const compare = (a: { at: Date; id: string }, b: { at: Date; id: string }): number =>
      (a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : Number(a.id > b.id))) * (order.descending ? -1 : 1);
    return this.#all()
      .filter((certificate) => matches(certificate, query))
      .map((certificate) => ({ certificate, at: at(certificate), id: certificate.id }))
      .filter((row) => after === undefined || compare(row, after) > 0)
      .toSorted(compare)
      .slice(0, query.limit)
      .map(({ certificate }) => certificate);
  }

  async listPending(input: {
    olderThanMs: number;
    after: string | undefined;
    limit: number;
  }): Promise<readonly Certificate[]> {
    return [...this.#db.certificates.values()]
      .filter(({ recordedAtMs }) => recordedAtMs <= Date.now() - input.olderThanMs)
      .map(({ certificate }) => certificate)
      .filter(
        ({ state, profile, id }) => state === 'pending' && profile !== AUTHORITY_PROFILE && id > (input.after ?? ''),
      )
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, input.limit);
  }

  async listDueRenewals(input: Parameters<CertificateStore['listDueRenewals']>[0]): Promise<readonly DueRenewal[]> {
    const { now, after } = input;
    return this.#all()
      .filter((c) => c.state === 'issued' && c.replacedBy === undefined && c.profile !== AUTHORITY_PROFILE)
      .filter((c) => c.renewal.start <= now && c.notAfter > now)
      .map(({ id, project, renewal }) => ({ id, project, renewAt: renewal.start }))
      .filter((due) => after === undefined || byWindow(due, after) > 0)
      .toSorted(byWindow)
      .slice(0, input.limit);
  }

  async postponeRenewal({ project, id, until }: { project: string; id: string; until: Date }): Promise<boolean> {
    const found = this.#get(project, id);
    if (found?.state !== 'issued' || found.replacedBy !== undefined || found.renewal.start >= until) return false;
    this.#db.change(found, { renewal: { start: until, end: found.renewal.end } });
    return true;
  }

  #refusalToRenew(intent: Certificate): IntentOutcome | undefined {
    if (intent.renewedFrom === undefined) return undefined;
    const old = this.#get(intent.project, intent.renewedFrom);
    if (old?.replacedBy !== undefined) return { outcome: 'already-renewed', certificateId: old.replacedBy };
    return old?.state === 'issued' && old.profile !== AUTHORITY_PROFILE ? undefined : { outcome: 'not-renewable' };
  }

  #all(): Certificate[] {
    return [...this.#db.certificates.values()].map(({ certificate }) => certificate);
  }

  #get(project: string, id: string): Certificate | undefined {
    const found = this.#db.certificates.get(id)?.certificate;
    return found?.project === project ? found : undefined;
  }
}

function byWindow(a: { renewAt: Date; id: string }, b: { renewAt: Date; id: string }): number {
  return a.renewAt.getTime() - b.renewAt.getTime() || (a.id < b.id ? -1 : Number(a.id > b.id));
}

function matches(certificate: Certificate, query: CertificateQuery): boolean {
  const { serial, publicKeySha256, fingerprintSha256 } = query;
  const at = certificate.notAfter.getTime();
  return (
    certificate.project === query.project &&
    (query.state === undefined || certificate.state === query.state) &&
    (query.authorityId === undefined || certificate.authorityId === query.authorityId) &&
    (query.profile === undefined || certificate.profile === query.profile) &&
    (serial === undefined || bytesEqual(certificate.serial, serial)) &&
    (query.dnsName === undefined || certificate.names.dnsNames.includes(query.dnsName)) &&
    (publicKeySha256 === undefined || bytesEqual(sha256(certificate.spki), publicKeySha256)) &&
    (fingerprintSha256 === undefined ||
      (certificate.der !== undefined && bytesEqual(sha256(certificate.der), fingerprintSha256))) &&
    (query.labels ?? []).every(({ key, value }) => certificate.labels[key] === value) &&
    (query.expires ?? []).every(({ operator, at: bound }) => holds(at - bound.getTime(), operator))
  );
}

function holds(difference: number, operator: '<' | '<=' | '>' | '>=' | '='): boolean {
  switch (operator) {
    case '<':
      return difference < 0;
    case '<=':
      return difference <= 0;
    case '>':
      return difference > 0;
    case '>=':
      return difference >= 0;
    case '=':
      return difference === 0;
  }
}

function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(octets).digest());
}
