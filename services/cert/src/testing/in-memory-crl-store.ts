import { compareOctets } from '@cert-tasks/x509';
import type { CrlStore, DueShard, ShardContent, StoredCrl } from '../application/ports/crl-store.ts';
import type { InMemoryDatabase, ShardRecord } from './in-memory-database.ts';

/** CRLs in memory, held to the same contract as PostgreSQL's. */
export class InMemoryCrlStore implements CrlStore {
  readonly #db: InMemoryDatabase;

  constructor(db: InMemoryDatabase) {
    this.#db = db;
  }

  async listDue({ now, limit }: { now: Date; limit: number }): Promise<readonly DueShard[]> {
    return [...this.#db.shards.values()]
      .filter((shard) => isDirty(shard) || shard.dueAt <= now)
      .filter(({ retryAt }) => retryAt === undefined || retryAt <= now)
      .toSorted((a, b) => Number(isDirty(b)) - Number(isDirty(a)) || a.dueAt.getTime() - b.dueAt.getTime())
      .slice(0, limit)
      .map(({ authorityUid, shard }) => ({ authorityUid, shard }));
  }

  async findPending(shard: DueShard): Promise<StoredCrl | undefined> {
    return [...this.#db.crls.values()].find((crl) => isOf(crl, shard) && crl.state === 'pending');
  }

  async recordIntent(input: { shard: DueShard; build: (content: ShardContent) => StoredCrl }): Promise<StoredCrl> {
    const shard = this.#shard(input.shard);
    if ((await this.findPending(shard)) !== undefined) throw new Error('A CRL of this shard is pending.');
    const entries = this.#db.revocations
      .filter((revocation) => isOf(revocation, shard) && !revocation.isListedPastExpiry)
      .toSorted((a, b) => compareOctets(a.serial, b.serial));
    const crl = input.build({ number: shard.nextNumber, revision: shard.revision, entries });
    this.#set(shard, { nextNumber: shard.nextNumber + 1n });
    this.#db.crls.set(crl.id, crl);
    return crl;
  }

  async publish(input: Parameters<CrlStore['publish']>[0]): Promise<boolean> {
    const { crl, der, dueAt, event } = input;
    if (this.#db.crls.get(crl.id)?.state !== 'pending') return false;
    this.#db.crls.set(crl.id, { ...crl, state: 'published', der });
    const publishedRevision = crl.revision;
    this.#set(this.#shard(crl), { currentCrlId: crl.id, publishedRevision, dueAt, failures: 0, retryAt: undefined });
    this.#db.revocations = this.#db.revocations.map((revocation) =>
      isOf(revocation, crl) && revocation.revision <= crl.revision && revocation.notAfter < crl.thisUpdate
        ? { ...revocation, isListedPastExpiry: true }
        : revocation,
    );
    this.#db.events.push(event);
    return true;
  }

  async fail(crl: StoredCrl): Promise<void> {
    if (this.#db.crls.get(crl.id)?.state === 'pending') this.#db.crls.set(crl.id, { ...crl, state: 'failed' });
  }

  async putOff({ shard, now }: { shard: DueShard; now: Date }): Promise<void> {
    const record = this.#shard(shard);
    const seconds = Math.min(300, 2 ** Math.min(record.failures, 30));
    this.#set(record, { failures: record.failures + 1, retryAt: new Date(now.getTime() + seconds * 1_000) });
  }

  async findCurrent(shard: DueShard): Promise<StoredCrl | undefined> {
    return this.#db.crls.get(this.#db.shards.get(keyOf(shard))?.currentCrlId ?? '');
  }

  #shard(shard: DueShard): ShardRecord {
    const record = this.#db.shards.get(keyOf(shard));
    if (record === undefined) throw new Error(`There is no shard ${keyOf(shard)}.`);
    return record;
  }

  #set(shard: ShardRecord, changes: Partial<ShardRecord>): void {
    this.#db.shards.set(keyOf(shard), { ...shard, ...changes });
  }
}

function keyOf({ authorityUid, shard }: DueShard): string {
  return `${authorityUid}/${shard}`;
}

function isOf(a: DueShard, b: DueShard): boolean {
  return a.authorityUid === b.authorityUid && a.shard === b.shard;
}

function isDirty({ revision, publishedRevision }: ShardRecord): boolean {
  return revision > publishedRevision;
}
