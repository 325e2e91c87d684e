import { classifyPgError, PG_OID, type Tx, tableName } from '@cert-tasks/db';
import { bytesEqual, bytesToHex } from '@cert-tasks/kernel';
import { IdempotencyError } from './idempotency-error.ts';
import type { RequestTable } from './request-table.ts';

/** How long another transaction that has claimed the same request is waited for. */
const DEFAULT_WAIT_MS = 2_000;
const IN_PROGRESS_RETRY_MS = 1_000;
/** A row that was in the way may be gone when it is looked at: pruned or released. */
const MAX_ATTEMPTS = 3;

/** One request to be claimed. */
export interface RequestClaim {
  /** From `requestKey`. Undefined: the caller gave no id, the claim succeeds and nothing is stored. */
  readonly key: Uint8Array | undefined;
  /** From `requestHash`. */
  readonly hash: Uint8Array;
  /** Name of what the request makes or changes. */
  readonly resource: string;
}

/** Whether the request is to be carried out, or was already: then with the resource that it made or changed. */
export type ClaimOutcome = { readonly outcome: 'claimed' } | { readonly outcome: 'replay'; readonly resource: string };

/** Answer for one request of several: {@link ClaimOutcome}, or the reason why this one is refused. */
export type BatchClaimOutcome = ClaimOutcome | { readonly outcome: 'refused'; readonly error: IdempotencyError };

/**
 * Claims a request in the transaction that carries it out, before anything else in it. A refusal that rolls the
 * transaction back forgets the claim with it. While another transaction holds the same claim, this waits for its end.
 *
 * @throws IdempotencyError (as rejection) 'request-id-reused'; 'request-in-progress' after `waitMs` (2 seconds by
 * default). The transaction MUST be rolled back then, which passing the error on does.
 */
export async function claimRequest(
  tx: Tx,
  { table, waitMs, ...claim }: RequestClaim & { table: RequestTable; waitMs?: number },
): Promise<ClaimOutcome> {
  const [outcome] = await claimRequests(tx, { table, claims: [claim], ...(waitMs === undefined ? {} : { waitMs }) });
  if (outcome === undefined) return { outcome: 'claimed' };
  if (outcome.outcome === 'refused') throw outcome.error;
  return outcome;
}

/**
 * {@link claimRequest} for many requests that share a transaction, with two statements in all. Answers in the order of the
 * claims; of two equal ones in a batch the later is a replay of the earlier.
 *
 * @throws IdempotencyError (as rejection) 'request-in-progress' when one of them is: the transaction is lost then, and the
 * caller tries the requests again one by one.
 */
export async function claimRequests(
  tx: Tx,
  options: { table: RequestTable; claims: readonly RequestClaim[]; waitMs?: number },
): Promise<readonly BatchClaimOutcome[]> {
  const { table, claims, waitMs = DEFAULT_WAIT_MS } = options;
  const outcomes: BatchClaimOutcome[] = claims.map(() => ({ outcome: 'claimed' }));
  let open = claims.flatMap((claim, index) => (claim.key === undefined ? [] : [{ ...claim, key: claim.key, index }]));
  for (let attempt = 1; open.length > 0 && attempt <= MAX_ATTEMPTS; attempt++) {
    const inserted = await insertClaims(tx, { table, claims: open, waitMs });
    const taken = open.filter((claim) => !inserted.delete(bytesToHex(claim.key)));
    const known = await readRequests(tx, { table, claims: taken });
    for (const claim of taken) {
      const row = known.get(bytesToHex(claim.key));
      if (row !== undefined) outcomes[claim.index] = compare(claim, row);
    }
    open = taken.filter((claim) => !known.has(bytesToHex(claim.key)));
  }
  if (open.length > 0) throw inProgress();
  return outcomes;
}

/**
 * Takes a claim back, for a request whose claim was committed before it was refused: refusals are not remembered. Changes
 * nothing when the request is remembered with another resource.
 */
export async function releaseRequest(
  tx: Tx,
  { table, key, resource }: { table: RequestTable; key: Uint8Array | undefined; resource: string },
): Promise<void> {
  if (key === undefined) return;
  await tx.sql`delete from ${tx.sql(tableName(table))} where key = ${key} and resource = ${resource}`;
}

type KeyedClaim = RequestClaim & { readonly key: Uint8Array };

interface RequestRow {
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
  readonly resource: string;
}

/** Returns the keys that were new, in hexadecimal. */
async function insertClaims(
  tx: Tx,
  { table, claims, waitMs }: { table: RequestTable; claims: readonly KeyedClaim[]; waitMs: number },
): Promise<Set<string>> {
  const { sql } = tx;
  try {
    // The wait is bounded for this statement alone; both statements share a round trip. In order of keys, so that two
    // batches never wait for each other.
    const [inserted] = await Promise.all([
      sql<{ key: Uint8Array }[]>`
        insert into ${sql(tableName(table))} (key, hash, resource)
        select claim.key, claim.hash, claim.resource
        from (
          select set_config('certtasks.lock_timeout', current_setting('lock_timeout'), true),
            set_config('lock_timeout', ${`${waitMs}ms`}, true)
        ) as bounded,
        unnest(
          ${sql.array(
            claims.map((claim) => claim.key),
            PG_OID.bytea,
          )}::bytea[],
          ${sql.array(
            claims.map((claim) => claim.hash),
            PG_OID.bytea,
          )}::bytea[],
          ${sql.array(
            claims.map((claim) => claim.resource),
            PG_OID.text,
          )}::text[]
        ) with ordinality as claim (key, hash, resource, nth)
        order by claim.key, claim.nth
        on conflict do nothing
        returning key`,
      sql`select set_config('lock_timeout', current_setting('certtasks.lock_timeout'), true)`,
    ]);
    return new Set(inserted.map((row) => bytesToHex(row.key)));
  } catch (error) {
    if (classifyPgError(error).kind === 'lock-timeout') throw inProgress(error);
    throw error;
  }
}

async function readRequests(
  tx: Tx,
  { table, claims }: { table: RequestTable; claims: readonly KeyedClaim[] },
): Promise<ReadonlyMap<string, RequestRow>> {
  if (claims.length === 0) return new Map();
  const keys = claims.map((claim) => claim.key);
  const rows = await tx.sql<RequestRow[]>`
    select key, hash, resource from ${tx.sql(tableName(table))}
    where key = any(${tx.sql.array(keys, PG_OID.bytea)}::bytea[])`;
  return new Map(rows.map((row) => [bytesToHex(row.key), row]));
}

function compare(claim: KeyedClaim, row: RequestRow): BatchClaimOutcome {
  if (bytesEqual(claim.hash, row.hash)) return { outcome: 'replay', resource: row.resource };
  const error = new IdempotencyError(
    'request-id-reused',
    'This request id was used for another request within the last 7 days. Send this one under a new id.',
    { field: 'request_id' },
  );
  return { outcome: 'refused', error };
}

function inProgress(cause?: unknown): IdempotencyError {
  return new IdempotencyError('request-in-progress', 'A request with this id is still being worked on.', {
    advice: 'Repeat it in a moment: the answer will be the one of the request that is under way.',
    retryAfterMs: IN_PROGRESS_RETRY_MS,
    ...(cause === undefined ? {} : { cause }),
  });
}
