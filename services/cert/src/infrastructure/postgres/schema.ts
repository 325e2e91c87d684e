import { bytea, leaseTable } from '@cert-tasks/db';
import { requestTable } from '@cert-tasks/idempotency';
import { outboxTables } from '@cert-tasks/outbox';
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { DistinguishedName } from '../../domain/distinguished-name.ts';

/** The schema of cert. Its migrations are in services/cert/migrations; what they lead to is in services/cert/schema.txt. */
export const certSchema = pgSchema('cert');

const instant = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

export const authorities = certSchema.table(
  'authorities',
  {
    uid: uuid('uid').primaryKey(),
    project: text('project').notNull(),
    id: text('id').notNull(),
    type: text('type', { enum: ['root', 'subordinate'] }).notNull(),
    state: text('state', { enum: ['creating', 'active'] }).notNull(),
    subject: jsonb('subject').$type<DistinguishedName>().notNull(),
    subjectDer: bytea('subject_der').notNull(),
    issuerUid: uuid('issuer_uid').notNull(),
    issuerId: text('issuer_id').notNull(),
    keyName: text('key_name').notNull(),
    keyAlgorithm: text('key_algorithm', {
      enum: ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'],
    }).notNull(),
    spki: bytea('spki'),
    certificateId: uuid('certificate_id'),
    certificate: bytea('certificate'),
    /** DER certificates, its own first; empty until it is active. */
    chain: bytea('chain').array().notNull(),
    lifetimeMs: bigint('lifetime_ms', { mode: 'bigint' }).notNull(),
    notBefore: instant('not_before'),
    notAfter: instant('not_after'),
    crlShardCount: integer('crl_shard_count').notNull(),
    pkiBaseUrl: text('pki_base_url').notNull(),
    createdAt: instant('created_at').notNull(),
    /** By the database's clock: recovery counts from it. */
    recordedAt: instant('recorded_at').notNull().default(sql`now()`),
    version: bigint('version', { mode: 'bigint' }).notNull(),
  },
  (t) => [
    unique('authorities_name').on(t.project, t.id),
    index('authorities_by_age').on(t.project, t.createdAt, t.uid),
    index('authorities_unfinished').on(t.uid).where(sql`state = 'creating'`),
    check('authorities_state', sql`state in ('creating', 'active')`),
    check(
      'authorities_complete',
      sql`state <> 'active' or (spki is not null and certificate is not null and not_after is not null)`,
    ),
    check('authorities_shards', sql`crl_shard_count between 1 and 128`),
  ],
);

export const certificates = certSchema.table(
  'certificates',
  {
    /** The intent's id towards signer, too. */
    id: uuid('id').primaryKey(),
    project: text('project').notNull(),
    state: text('state', { enum: ['pending', 'issued', 'revoked', 'failed'] }).notNull(),
    authorityUid: uuid('authority_uid').notNull(),
    authorityId: text('authority_id').notNull(),
    profile: text('profile').notNull(),
    profileRevision: integer('profile_revision').notNull(),
    serial: bytea('serial').notNull(),
    subject: text('subject').notNull(),
    dnsNames: text('dns_names').array().notNull(),
    ipAddresses: text('ip_addresses').array().notNull(),
    uris: text('uris').array().notNull(),
    emailAddresses: text('email_addresses').array().notNull(),
    notBefore: instant('not_before').notNull(),
    notAfter: instant('not_after').notNull(),
    tbs: bytea('tbs').notNull(),
    spki: bytea('spki').notNull(),
    spkiSha256: bytea('spki_sha256').notNull(),
    der: bytea('der'),
    fingerprintSha256: bytea('fingerprint_sha256'),
    crlShard: integer('crl_shard').notNull(),
    labels: jsonb('labels').$type<Record<string, string>>().notNull(),
    renewFrom: instant('renew_from').notNull(),
    renewBy: instant('renew_by').notNull(),
    renewedFrom: uuid('renewed_from'),
    replacedBy: uuid('replaced_by'),
    revokedAt: instant('revoked_at'),
    /** CRLReason (RFC 5280, 5.3.1); 0 is a real value. */
    revocationReason: smallint('revocation_reason'),
    /** The idempotency record that goes when the intent fails. */
    requestKey: bytea('request_key'),
    createdAt: instant('created_at').notNull(),
    /** By the database's clock: recovery counts from it. */
    recordedAt: instant('recorded_at').notNull().default(sql`now()`),
    version: bigint('version', { mode: 'bigint' }).notNull(),
  },
  (t) => [
    check('certificates_state', sql`state in ('pending', 'issued', 'revoked', 'failed')`),
    check('certificates_released', sql`(state in ('issued', 'revoked')) = (der is not null)`),
    check(
      'certificates_revoked',
      sql`(state = 'revoked') = (revoked_at is not null and revocation_reason is not null)`,
    ),
    check('certificates_serial', sql`octet_length(serial) = 20`),
    index('certificates_by_age').on(t.project, t.createdAt, t.id),
    index('certificates_by_expiry').on(t.project, t.notAfter, t.id),
    index('certificates_by_key').on(t.project, t.spkiSha256),
    index('certificates_by_fingerprint').on(t.project, t.fingerprintSha256),
    index('certificates_by_serial').on(t.project, t.serial),
    index('certificates_by_dns_name').using('gin', t.dnsNames),
    index('certificates_pending').on(t.id).where(sql`state = 'pending'`),
    /** One certificate has one successor, and succeeds one. */
    // A serial is used once per issuer, for ever (docs/adr/0003); the ledger holds the same.
    unique('certificates_issuer_serial').on(t.authorityUid, t.serial),
    uniqueIndex('certificates_successor').on(t.replacedBy).where(sql`replaced_by is not null`),
    index('certificates_due')
      .on(t.renewFrom, t.id)
      .where(sql`state = 'issued' and replaced_by is null and profile <> 'authority'`),
  ],
);

export const revocations = certSchema.table(
  'revocations',
  {
    certificateId: uuid('certificate_id').primaryKey(),
    authorityUid: uuid('authority_uid').notNull(),
    shard: integer('shard').notNull(),
    serial: bytea('serial').notNull(),
    revokedAt: instant('revoked_at').notNull(),
    reason: smallint('reason').notNull(),
    notAfter: instant('not_after').notNull(),
    /** The shard's revision that this revocation made: a CRL of that revision or a later one lists it. */
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
    /** A CRL past the expiry has listed it: the next one leaves it out. */
    listedPastExpiry: instant('listed_past_expiry'),
  },
  (t) => [index('revocations_by_shard').on(t.authorityUid, t.shard, t.serial)],
);

export const crlShards = certSchema.table(
  'crl_shards',
  {
    authorityUid: uuid('authority_uid').notNull(),
    shard: integer('shard').notNull(),
    /** The next CRL's number. */
    nextNumber: bigint('next_number', { mode: 'bigint' }).notNull(),
    /** Grows with each revocation. */
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
    /** Up to which revision the served CRL lists. */
    publishedRevision: bigint('published_revision', { mode: 'bigint' }).notNull(),
    dueAt: instant('due_at').notNull(),
    /** Failed attempts in a row, and until when they have put it off. */
    failures: integer('failures').notNull().default(0),
    retryAt: instant('retry_at'),
    currentCrlId: uuid('current_crl_id'),
  },
  (t) => [
    primaryKey({ columns: [t.authorityUid, t.shard] }),
    index('crl_shards_due').on(t.dueAt),
    index('crl_shards_dirty').on(t.authorityUid, t.shard).where(sql`revision > published_revision`),
  ],
);

export const crls = certSchema.table(
  'crls',
  {
    /** The intent's id towards signer, too. */
    id: uuid('id').primaryKey(),
    authorityUid: uuid('authority_uid').notNull(),
    shard: integer('shard').notNull(),
    number: bigint('number', { mode: 'bigint' }).notNull(),
    state: text('state', { enum: ['pending', 'published', 'failed'] }).notNull(),
    tbs: bytea('tbs').notNull(),
    der: bytea('der'),
    thisUpdate: instant('this_update').notNull(),
    nextUpdate: instant('next_update').notNull(),
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
    createdAt: instant('created_at').notNull().default(sql`now()`),
  },
  (t) => [
    check('crls_state', sql`state in ('pending', 'published', 'failed')`),
    check('crls_published', sql`(state = 'published') = (der is not null)`),
    unique('crls_number').on(t.authorityUid, t.shard, t.number),
    /** A CRL that was begun is ended before the next one is. */
    uniqueIndex('crls_pending').on(t.authorityUid, t.shard).where(sql`state = 'pending'`),
  ],
);

/** How far the ledger has been compared with the intents. One row. */
export const reconciliation = certSchema.table(
  'reconciliation',
  {
    id: integer('id').primaryKey(),
    position: bigint('position', { mode: 'bigint' }).notNull(),
  },
  () => [check('reconciliation_only', sql`id = 1`)],
);

export const { outbox, outboxConsumers, outboxState } = outboxTables(certSchema);
export const leases = leaseTable(certSchema);
export const requests = requestTable(certSchema);
