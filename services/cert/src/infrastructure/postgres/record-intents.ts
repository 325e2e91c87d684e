import { PG_OID, type Tx } from '@cert-tasks/db';
import { type BatchClaimOutcome, claimRequests, releaseRequest } from '@cert-tasks/idempotency';
import type { CoalescedResult } from '@cert-tasks/kernel';
import type { IntentOutcome, RequestClaim } from '../../application/ports/certificate-store.ts';
import type { Certificate } from '../../domain/certificate.ts';
import { requests } from './schema.ts';
import { textArrayLiteral } from './text-array-literal.ts';

/** An intent to be made durable. */
export interface IntentItem {
  readonly intent: Certificate;
  readonly claim: RequestClaim | undefined;
}

type Result = CoalescedResult<IntentOutcome>;

/**
 * Makes intents durable, all in one transaction, each with an outcome of its own.
 *
 * @throws IdempotencyError `request-in-progress` and whatever the database says: then none of them was, and the caller
 * tries them one by one.
 */
export async function recordIntents(tx: Tx, items: readonly IntentItem[]): Promise<Result[]> {
  // 1. The claims: what was asked for before is answered, not made again.
  const claims = await claimRequests(tx, {
    table: requests,
    claims: items.map(({ intent, claim }) => ({
      key: claim?.key,
      hash: claim?.hash ?? new Uint8Array(),
      resource: intent.id,
    })),
  });
  const results: Result[] = claims.map(resultOfClaim);
  const isClaimed = (index: number): boolean => claims[index]?.outcome === 'claimed';

  // 2. The links from renewed certificates: whoever comes second for one is refused, and its claim forgotten.
  const renewals = items.filter((item, index) => isClaimed(index) && item.intent.renewedFrom !== undefined);
  const refused = await linkRenewals(tx, renewals);
  items.forEach((item, index) => {
    const outcome = refused.get(item.intent.id);
    if (outcome !== undefined) results[index] = { ok: true, value: outcome };
  });

  // 3. The rows, each with a serial that its issuer has never used.
  const intents = items.filter(({ intent }, index) => isClaimed(index) && !refused.has(intent.id));
  if (intents.length > 0) await insertIntents(tx, intents);
  return results;
}

function resultOfClaim(claim: BatchClaimOutcome): Result {
  switch (claim.outcome) {
    case 'claimed':
      return { ok: true, value: { outcome: 'recorded' } };
    case 'replay':
      return { ok: true, value: { outcome: 'replay', certificateId: claim.resource } };
    case 'refused':
      return { ok: false, error: claim.error };
  }
}

/** @returns the outcomes of those whose certificate cannot be renewed (any more), by intent. */
async function linkRenewals(tx: Tx, items: readonly IntentItem[]): Promise<ReadonlyMap<string, IntentOutcome>> {
  const refused = new Map<string, IntentOutcome>();
  if (items.length === 0) return refused;
  const { sql } = tx;
  const linked = await sql<{ successor: string }[]>`
    update cert.certificates as old
    set replaced_by = renewal.successor, version = old.version + 1
    from unnest(
      ${sql.array(
        items.map(({ intent }) => intent.renewedFrom ?? null),
        PG_OID.uuid,
      )}::uuid[],
      ${sql.array(
        items.map(({ intent }) => intent.project),
        PG_OID.text,
      )}::text[],
      ${sql.array(
        items.map(({ intent }) => intent.id),
        PG_OID.uuid,
      )}::uuid[]
    ) as renewal (predecessor, project, successor)
    where old.id = renewal.predecessor and old.project = renewal.project
      and old.state = 'issued' and old.replaced_by is null and old.profile <> 'authority'
    returning old.replaced_by as successor`;
  const successors = new Set(linked.map(({ successor }) => successor));
  for (const { intent, claim } of items) {
    if (successors.has(intent.id)) continue;
    await releaseRequest(tx, { table: requests, key: claim?.key, resource: intent.id });
    refused.set(intent.id, await refusalOf(tx, intent));
  }
  return refused;
}

async function refusalOf(tx: Tx, intent: Certificate): Promise<IntentOutcome> {
  const [old] = await tx.sql<{ replaced_by: string | null }[]>`
    select replaced_by from cert.certificates
    where project = ${intent.project} and id = ${intent.renewedFrom ?? null}`;
  if (old === undefined || old.replaced_by === null) return { outcome: 'not-renewable' };
  return { outcome: 'already-renewed', certificateId: old.replaced_by };
}

/** Both tables in one statement: a serial that the issuer has used before refuses the row with it. */
async function insertIntents(tx: Tx, items: readonly IntentItem[]): Promise<void> {
  const { sql } = tx;
  const intents = items.map(({ intent }) => intent);
  const texts = (of: (intent: Certificate) => string) => sql.array(intents.map(of), PG_OID.text);
  const octets = (of: (intent: Certificate) => Uint8Array) => sql.array(intents.map(of), PG_OID.bytea);
  const instants = (of: (intent: Certificate) => Date) => sql.array(intents.map(of), PG_OID.timestamptz);
  const numbers = (of: (intent: Certificate) => number) => sql.array(intents.map(of), PG_OID.int4);
  const uuids = (of: (intent: Certificate) => string | undefined) =>
    sql.array(
      intents.map((intent) => of(intent) ?? null),
      PG_OID.uuid,
    );
  await sql`
    with intent as (
      select * from unnest(
        ${uuids((c) => c.id)}::uuid[],
        ${texts((c) => c.project)}::text[],
        ${uuids((c) => c.authorityUid)}::uuid[],
        ${texts((c) => c.authorityId)}::text[],
        ${texts((c) => c.profile)}::text[],
        ${numbers((c) => c.profileRevision)}::integer[],
        ${octets((c) => c.serial)}::bytea[],
        ${texts((c) => c.subject)}::text[],
        ${texts((c) => textArrayLiteral(c.names.dnsNames))}::text[],
        ${texts((c) => textArrayLiteral(c.names.ipAddresses))}::text[],
        ${texts((c) => textArrayLiteral(c.names.uris))}::text[],
        ${texts((c) => textArrayLiteral(c.names.emailAddresses))}::text[],
        ${instants((c) => c.notBefore)}::timestamptz[],
        ${instants((c) => c.notAfter)}::timestamptz[],
        ${octets((c) => c.tbs)}::bytea[],
        ${octets((c) => c.spki)}::bytea[],
        ${numbers((c) => c.crlShard)}::integer[],
        ${texts((c) => JSON.stringify(c.labels))}::text[],
        ${instants((c) => c.renewal.start)}::timestamptz[],
        ${instants((c) => c.renewal.end)}::timestamptz[],
        ${uuids((c) => c.renewedFrom)}::uuid[],
        ${sql.array(
          items.map(({ claim }) => claim?.key ?? null),
          PG_OID.bytea,
        )}::bytea[],
        ${instants((c) => c.createdAt)}::timestamptz[]
      ) as intent (
        id, project, authority_uid, authority_id, profile, profile_revision, serial, subject, dns_names, ip_addresses, uris,
        email_addresses, not_before, not_after, tbs, spki, crl_shard, labels, renew_from, renew_by, renewed_from, request_key,
        created_at
      )
    )
    insert into cert.certificates (
      id, project, state, authority_uid, authority_id, profile, profile_revision, serial, subject, dns_names, ip_addresses, uris,
      email_addresses, not_before, not_after, tbs, spki, spki_sha256, crl_shard, labels, renew_from, renew_by, renewed_from,
      request_key, created_at, version
    )
    select
      id, project, 'pending', authority_uid, authority_id, profile, profile_revision, serial, subject, dns_names::text[],
      ip_addresses::text[], uris::text[], email_addresses::text[], not_before, not_after, tbs, spki, sha256(spki), crl_shard,
      labels::jsonb, renew_from, renew_by, renewed_from, request_key, created_at, 1
    from intent`;
}

/** An intent alone, for an authority's own certificate: without a claim and without a predecessor. */
export async function insertIntent(tx: Tx, intent: Certificate): Promise<void> {
  await insertIntents(tx, [{ intent, claim: undefined }]);
}
