import { bytea, leaseTable } from '@cert-tasks/db';
import { requestTable } from '@cert-tasks/idempotency';
import { outboxTables } from '@cert-tasks/outbox';
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgSchema,
  primaryKey,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';

/** The schema of this service; no other service can read it. */
export const signerSchema = pgSchema('signer');

/** Keys: who they are, what they may sign, whether they may be used. Rows are never deleted. */
export const keys = signerSchema.table(
  'keys',
  {
    id: uuid('id').notNull(),
    project: text('project').notNull(),
    /** The last part of the resource name. */
    name: text('name').notNull(),
    purpose: text('purpose').notNull(),
    algorithm: text('algorithm').notNull(),
    /** See `keyPolicyDocument`. An edit makes the key unopenable. */
    policy: jsonb('policy').notNull(),
    /** Signatures are inserted with this row locked FOR SHARE and only while it says `enabled`. */
    state: text('state').notNull(),
    primaryVersion: integer('primary_version').notNull(),
    etag: text('etag').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
    disabledAt: timestamp('disabled_at', { withTimezone: true }),
  },
  (table) => [
    primaryKey({ name: 'keys_pkey', columns: [table.id] }),
    unique('keys_project_name_key').on(table.project, table.name),
    index('keys_project_id_idx').on(table.project, table.id),
    check('keys_purpose_check', sql`${table.purpose} in ('certificate-authority', 'log-checkpoint')`),
    check(
      'keys_algorithm_check',
      sql`${table.algorithm} in ('ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519')`,
    ),
    check(
      'keys_state_check',
      sql`(${table.state} = 'enabled' and ${table.disabledAt} is null) or (${table.state} = 'disabled' and ${table.disabledAt} is not null)`,
    ),
  ],
);

/** Key material, sealed (ADR 2). */
export const keyVersions = signerSchema.table(
  'key_versions',
  {
    keyId: uuid('key_id').notNull(),
    version: integer('version').notNull(),
    /** DER SubjectPublicKeyInfo. */
    publicKey: bytea('public_key').notNull(),
    sealed: bytea('sealed').notNull(),
    wrappedDataKey: bytea('wrapped_data_key').notNull(),
    kekId: text('kek_id').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'key_versions_pkey', columns: [table.keyId, table.version] }),
    foreignKey({ name: 'key_versions_key_id_fkey', columns: [table.keyId], foreignColumns: [keys.id] }),
    index('key_versions_kek_id_idx').on(table.kekId),
  ],
);

/**
 * One row for each intent: signed, or voided for good. Inserted, never changed, never deleted; a trigger says so to
 * everybody. There is no foreign key to `keys`: the statement that inserts has that row locked, and a check of each row
 * would cost as much as the row.
 */
export const ledger = signerSchema.table(
  'ledger',
  {
    /** Grows, with gaps; given out before commit, so a reader waits until rows have settled. */
    position: bigint('position', { mode: 'bigint' }).notNull().generatedAlwaysAsIdentity(),
    intentId: uuid('intent_id').notNull(),
    keyId: uuid('key_id').notNull(),
    keyVersion: integer('key_version'),
    kind: text('kind'),
    tbs: bytea('tbs'),
    tbsSha256: bytea('tbs_sha256'),
    signature: bytea('signature'),
    /** Of certificates, big-endian without leading zeros. */
    serial: bytea('serial'),
    caller: text('caller').notNull(),
    state: text('state').notNull(),
    /** When the row was made, after the key's lock was held. */
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
  },
  (table) => [
    primaryKey({ name: 'ledger_pkey', columns: [table.intentId] }),
    unique('ledger_position_key').on(table.position),
    unique('ledger_key_id_serial_key').on(table.keyId, table.serial),
    check(
      'ledger_state_check',
      sql`(${table.state} = 'signed' and ${table.keyVersion} is not null and ${table.kind} is not null and ${table.tbs} is not null and octet_length(${table.tbsSha256}) = 32 and ${table.tbsSha256} is not null and ${table.signature} is not null) or (${table.state} = 'voided' and ${table.keyVersion} is null and ${table.kind} is null and ${table.tbs} is null and ${table.tbsSha256} is null and ${table.signature} is null and ${table.serial} is null)`,
    ),
    check(
      'ledger_kind_check',
      sql`(${table.kind} = 'certificate' and ${table.serial} is not null) or (${table.kind} = 'crl' and ${table.serial} is null) or ${table.kind} is null`,
    ),
  ],
);

/** Checkpoints that were signed; a key's last row is its memory as a witness. Inserted, never changed, never deleted. */
export const checkpointLedger = signerSchema.table(
  'checkpoint_ledger',
  {
    keyId: uuid('key_id').notNull(),
    treeSize: bigint('tree_size', { mode: 'bigint' }).notNull(),
    rootHash: bytea('root_hash').notNull(),
    noteBody: text('note_body').notNull(),
    signature: bytea('signature').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true }).notNull().default(sql`clock_timestamp()`),
  },
  (table) => [
    primaryKey({ name: 'checkpoint_ledger_pkey', columns: [table.keyId, table.treeSize] }),
    foreignKey({ name: 'checkpoint_ledger_key_id_fkey', columns: [table.keyId], foreignColumns: [keys.id] }),
    check('checkpoint_ledger_tree_size_check', sql`${table.treeSize} >= 0`),
    check('checkpoint_ledger_root_hash_check', sql`octet_length(${table.rootHash}) = 32`),
  ],
);

/** Requests that were acted on. */
export const requests = requestTable(signerSchema);

/** Leases of the loops that one replica at a time runs. */
export const leases = leaseTable(signerSchema);

/** Events on their way out. */
export const { outbox, outboxConsumers, outboxState } = outboxTables(signerSchema);
