import { type Database, DbError, type Tx } from '@cert-tasks/db';
import { failpoint } from '@cert-tasks/failpoint';
import { claimRequest, releaseRequest } from '@cert-tasks/idempotency';
import { type CoalescedResult, Coalescer } from '@cert-tasks/kernel';
import type {
  CertificateQuery,
  CertificateStore,
  DueRenewal,
  IntentOutcome,
  RequestClaim,
  RevokeOutcome,
} from '../../application/ports/certificate-store.ts';
import type { Certificate } from '../../domain/certificate.ts';
import type { CertEvent } from '../../domain/event.ts';
import { type CertificateRow, certificateColumns, certificateFromRow, reasonCode } from './certificate-row.ts';
import type { EventOutbox } from './event-outbox.ts';
import { selectCertificates } from './list-certificates-statement.ts';
import { type IssuedItem, markAllIssued } from './mark-issued.ts';
import { type IntentItem, recordIntents } from './record-intents.ts';
import { requests } from './schema.ts';

/** How many writes share a transaction at most, wait for one, and how many transactions run at a time. */
const BATCHING = { maxBatch: 64, maxQueued: 4_096, maxInFlight: 2 };

/** Certificates in PostgreSQL. Concurrent intents share transactions, and so do concurrent issuances. */
export class PostgresCertificateStore implements CertificateStore {
  readonly #db: Database;
  readonly #events: EventOutbox;
  readonly #intents: Coalescer<IntentItem, IntentOutcome>;
  readonly #issuances: Coalescer<IssuedItem, boolean>;

  constructor(deps: { readonly db: Database; readonly events: EventOutbox }) {
    this.#db = deps.db;
    this.#events = deps.events;
    this.#intents = new Coalescer({
      name: 'issuance intents',
      ...BATCHING,
      run: (items) => together(items, (batch) => this.#recordIntents(batch)),
    });
    this.#issuances = new Coalescer({
      name: 'issued certificates',
      ...BATCHING,
      run: (items) => together(items, (batch) => this.#markIssued(batch)),
    });
  }

  recordIntent(intent: Certificate, { claim }: { claim: RequestClaim | undefined }): Promise<IntentOutcome> {
    return this.#intents.submit({ intent, claim });
  }

  markIssued(item: IssuedItem): Promise<boolean> {
    return this.#issuances.submit(item);
  }

  async markFailed({ certificate, event }: { certificate: Certificate; event: CertEvent }): Promise<boolean> {
    const { project, id } = certificate;
    const failed = await this.#db.transaction('certificate.fail', async (tx) => {
      const [row] = await tx.sql<{ request_key: Uint8Array | null; renewed_from: string | null }[]>`
        update cert.certificates set state = 'failed', version = version + 1
        where project = ${project} and id = ${id} and state = 'pending'
        returning request_key, renewed_from`;
      if (row === undefined) return false;
      await releaseRequest(tx, { table: requests, key: row.request_key ?? undefined, resource: id });
      if (row.renewed_from !== null) {
        await tx.sql`
          update cert.certificates set replaced_by = null, version = version + 1
          where project = ${project} and id = ${row.renewed_from} and replaced_by = ${id}`;
      }
      await this.#events.append(tx, [event]);
      return true;
    });
    if (failed) this.#events.committed();
    return failed;
  }

  async revoke(input: Parameters<CertificateStore['revoke']>[0]): Promise<RevokeOutcome> {
    const outcome = await this.#db.transaction('certificate.revoke', (tx) => this.#revoke(tx, input));
    if (outcome.outcome === 'revoked') this.#events.committed();
    return outcome;
  }

  async find({ project, id }: { project: string; id: string }): Promise<Certificate | undefined> {
    if (!isUuid(id)) return undefined;
    const [row] = await this.#db.query(
      'certificate.find',
      ({ sql }) => sql<CertificateRow[]>`
        select ${certificateColumns(sql)} from cert.certificates where project = ${project} and id = ${id}`,
    );
    return row && certificateFromRow(row);
  }

  async findByClaim({ project, claim }: { project: string; claim: RequestClaim }): Promise<Certificate | undefined> {
    const [row] = await this.#db.query(
      'certificate.find-by-claim',
      ({ sql }) => sql<CertificateRow[]>`
        select ${certificateColumns(sql)} from cert.certificates
        where project = ${project} and id = (
          select resource::uuid from cert.requests where key = ${claim.key} and hash = ${claim.hash}
        )`,
    );
    return row && certificateFromRow(row);
  }

  async list(query: CertificateQuery): Promise<readonly Certificate[]> {
    const rows = await this.#db.query('certificate.list', (pool) => selectCertificates(pool, query));
    return rows.map(certificateFromRow);
  }

  async listPending(input: {
    olderThanMs: number;
    after: string | undefined;
    limit: number;
  }): Promise<readonly Certificate[]> {
    const rows = await this.#db.query(
      'certificate.list-pending',
      ({ sql }) => sql<CertificateRow[]>`
        select ${certificateColumns(sql)} from cert.certificates
        where state = 'pending' and profile <> 'authority'
          and recorded_at <= now() - ${input.olderThanMs}::float8 * interval '1 millisecond'
          ${input.after === undefined ? sql`` : sql`and id > ${input.after}::uuid`}
        order by id
        limit ${input.limit}`,
    );
    return rows.map(certificateFromRow);
  }

  async listDueRenewals(input: Parameters<CertificateStore['listDueRenewals']>[0]): Promise<readonly DueRenewal[]> {
    const { now, after, limit } = input;
    return await this.#db.query(
      'certificate.list-due',
      ({ sql }) => sql<DueRenewal[]>`
        select id, project, renew_from as "renewAt" from cert.certificates
        where state = 'issued' and replaced_by is null and profile <> 'authority'
          and renew_from <= ${now} and not_after > ${now}
          ${after === undefined ? sql`` : sql`and (renew_from, id) > (${after.renewAt}, ${after.id}::uuid)`}
        order by renew_from, id
        limit ${limit}`,
    );
  }

  async postponeRenewal({ project, id, until }: { project: string; id: string; until: Date }): Promise<boolean> {
    const { count } = await this.#db.query(
      'certificate.postpone-renewal',
      ({ sql }) => sql`
        update cert.certificates set renew_from = ${until}, version = version + 1
        where project = ${project} and id = ${id} and state = 'issued' and replaced_by is null and renew_from < ${until}`,
    );
    return count === 1;
  }

  /** Takes no further writes and resolves when those taken have ended. */
  async close(): Promise<void> {
    await Promise.all([this.#intents.close(), this.#issuances.close()]);
  }

  #recordIntents(items: readonly IntentItem[]): Promise<CoalescedResult<IntentOutcome>[]> {
    return this.#db.transaction('certificate.record-intents', (tx) => recordIntents(tx, items));
  }

  async #markIssued(items: readonly IssuedItem[]): Promise<CoalescedResult<boolean>[]> {
    const events = this.#events;
    const results = await this.#db.transaction('certificate.issue', (tx) => markAllIssued(tx, { items, events }));
    events.committed();
    return results;
  }

  async #revoke(tx: Tx, input: Parameters<CertificateStore['revoke']>[0]): Promise<RevokeOutcome> {
    const { project, id, claim } = input;
    const { sql } = tx;
    if (!isUuid(id)) return { outcome: 'not-found' };

    // 1. The claim: a repeat finds what the first call made.
    const claimed = await claimRequest(tx, {
      table: requests,
      key: claim?.key,
      hash: claim?.hash ?? new Uint8Array(),
      resource: id,
    });
    if (claimed.outcome === 'replay') return this.#unchanged(tx, input);

    // 2. The state, guarded. What changes nothing is not remembered.
    const [row] = await sql<CertificateRow[]>`
      update cert.certificates
      set state = 'revoked', revoked_at = clock_timestamp(), revocation_reason = ${reasonCode(input.reason)},
        version = version + 1
      where project = ${project} and id = ${id} and state = 'issued' and profile <> 'authority'
        ${input.version === undefined ? sql`` : sql`and version = ${input.version}`}
      returning ${certificateColumns(sql)}`;
    if (row === undefined) {
      await releaseRequest(tx, { table: requests, key: claim?.key, resource: id });
      return this.#unchanged(tx, input);
    }
    const certificate = certificateFromRow(row);

    // 3. The shard's next revision. Its row stays locked until the commit, so a CRL of this revision lists this
    // revocation.
    const [shard] = await sql<{ revision: bigint }[]>`
      update cert.crl_shards set revision = revision + 1
      where authority_uid = ${row.authority_uid} and shard = ${row.crl_shard}
      returning revision`;
    if (shard === undefined) throw new Error(`Certificate ${id} names a CRL shard that is not there.`);
    await sql`
      insert into cert.revocations (certificate_id, authority_uid, shard, serial, revoked_at, reason, not_after, revision)
      values (${id}, ${row.authority_uid}, ${row.crl_shard}, ${row.serial}, ${row.revoked_at}, ${row.revocation_reason},
        ${row.not_after}, ${shard.revision})`;

    // 4. The event, last.
    await this.#events.append(tx, [input.event(certificate)]);
    failpoint('cert.revoke.before-commit');
    return { outcome: 'revoked', certificate };
  }

  async #unchanged({ sql }: Tx, { project, id }: { project: string; id: string }): Promise<RevokeOutcome> {
    const [row] = await sql<CertificateRow[]>`
      select ${certificateColumns(sql)} from cert.certificates where project = ${project} and id = ${id}`;
    return row === undefined
      ? { outcome: 'not-found' }
      : { outcome: 'unchanged', certificate: certificateFromRow(row) };
  }
}

/** A batch in one transaction; where that fails for reasons that may be one item's alone, each in its own. */
async function together<Item, Result>(
  items: readonly Item[],
  run: (batch: readonly Item[]) => Promise<CoalescedResult<Result>[]>,
): Promise<CoalescedResult<Result>[]> {
  try {
    return await run(items);
  } catch (error) {
    // Whether a lost commit took effect is not known, and the database is away for each of them.
    if (items.length === 1 || (error instanceof DbError && error.code === 'database-unavailable')) throw error;
  }
  const results = await Promise.allSettled(items.map((item) => run([item])));
  return results.flatMap((result) =>
    result.status === 'fulfilled' ? result.value : [{ ok: false, error: result.reason }],
  );
}

/** Ids come from names, which hold more than UUIDs; what is none is not there. */
function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
