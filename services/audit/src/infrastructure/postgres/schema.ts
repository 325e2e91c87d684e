import { bytea, leaseTable } from '@cert-tasks/db';
import { requestTable } from '@cert-tasks/idempotency';
import { outboxTables } from '@cert-tasks/outbox';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uuid,
} from 'drizzle-orm/pg-core';
import { ACTOR_KINDS, RESULTS } from '../../domain/audit-event.ts';

/** The schema of audit. Its migrations are in services/audit/migrations. */
export const auditSchema = pgSchema('audit');

const int8 = (name: string) => bigint(name, { mode: 'bigint' });
const instant = (name: string) => timestamp(name, { withTimezone: true });

/** The leaves of the tree. Rows are for ever: the runtime role cannot change or delete them, and a trigger refuses it to all. */
export const entries = auditSchema.table(
  'entries',
  {
    /** Place in the log, from 0, without gaps. */
    index: int8('index').notNull(),
    source: text('source').notNull(),
    /** Place in the source, from 1, without gaps. */
    number: int8('number').notNull(),
    eventId: uuid('event_id').notNull(),
    project: text('project').notNull(),
    /** 33 bytes: docs/adr/0001. */
    leafData: bytea('leaf_data').notNull(),
    /** Why the leaf is a raw one; null for an event. */
    problem: text('problem'),
    integratedAt: instant('integrated_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'entries_pkey', columns: [t.index] }),
    // Here, not in narrow tables of their own: an entry costs two rows (docs/adr/0008).
    unique('entries_source_number_key').on(t.source, t.number),
    unique('entries_event_id_key').on(t.eventId),
    index('entries_project_idx').on(t.project, t.index),
    check('entries_index_check', sql`index >= 0`),
    check('entries_leaf_data_check', sql`octet_length(leaf_data) = 33`),
  ],
);

/** What the leaves commit to. Rows can be erased; every proof stays valid. The columns beside canonical_event are what it is found by. */
export const bodies = auditSchema.table(
  'bodies',
  {
    index: int8('index').notNull(),
    project: text('project').notNull(),
    source: text('source').notNull(),
    type: text('type').notNull(),
    actorKind: text('actor_kind', { enum: ACTOR_KINDS }).notNull(),
    actor: text('actor').notNull(),
    subject: text('subject').notNull(),
    action: text('action').notNull(),
    result: text('result', { enum: RESULTS }).notNull(),
    /** The event's own time. */
    time: timestamp('time', { withTimezone: true, precision: 3 }).notNull(),
    /** RFC 8785 JSON, exactly as committed to. */
    canonicalEvent: text('canonical_event').notNull(),
    salt: bytea('salt').notNull(),
  },
  (t) => [
    primaryKey({ name: 'bodies_pkey', columns: [t.index] }),
    index('bodies_type_idx').on(t.project, t.type, t.index),
    index('bodies_subject_idx').on(t.project, t.subject, t.index),
    index('bodies_actor_idx').on(t.project, t.actor, t.index),
    index('bodies_action_idx').on(t.project, t.action, t.index),
    index('bodies_source_idx').on(t.project, t.source, t.index),
    index('bodies_time_idx').on(t.project, t.time, t.index),
    // Nearly all results are successes: a list of those reads along the project's entries.
    index('bodies_result_idx').on(t.project, t.result, t.index).where(sql`result <> 'RESULT_SUCCESS'`),
  ],
);

/** What could not be entered as an event, as it came. Rows can be erased. */
export const rawBodies = auditSchema.table(
  'raw_bodies',
  {
    index: int8('index').notNull(),
    /** Null where it was too large to be kept. */
    raw: bytea('raw'),
  },
  (t) => [primaryKey({ name: 'raw_bodies_pkey', columns: [t.index] })],
);

/**
 * The full tiles of the tree (C2SP tlog-tiles). Rows are for ever. What is not full has no row: its hashes are those of the
 * entries (level 0) or the roots of the tiles of the level below, so that no row of the tree is ever written twice.
 */
export const tiles = auditSchema.table(
  'tiles',
  {
    /** Its hashes are the tree's nodes of level 8 * level. */
    level: smallint('level').notNull(),
    index: int8('index').notNull(),
    /** The tile as a node: a hash of the level above. */
    root: bytea('root').notNull(),
    /** 256 hashes. */
    hashes: bytea('hashes').notNull(),
  },
  (t) => [
    primaryKey({ name: 'tiles_pkey', columns: [t.level, t.index] }),
    check('tiles_root_check', sql`octet_length(root) = 32`),
    check('tiles_hashes_check', sql`octet_length(hashes) = 8192`),
  ],
);

/** The tree as it stands. One row, the lock of sequencing. */
export const treeState = auditSchema.table(
  'tree_state',
  {
    singleton: boolean('singleton').notNull().default(true),
    size: int8('size').notNull(),
    /** The compact range, serialized. */
    range: bytea('range').notNull(),
    /** Why the log is held; null while it is not. */
    heldReason: text('held_reason'),
    heldAt: instant('held_at'),
  },
  (t) => [
    primaryKey({ name: 'tree_state_pkey', columns: [t.singleton] }),
    check('tree_state_singleton_check', sql`singleton`),
  ],
);

/** How far the log is in each source. */
export const positions = auditSchema.table(
  'positions',
  {
    source: text('source').notNull(),
    /** The last number in the log. */
    number: int8('number').notNull(),
  },
  (t) => [primaryKey({ name: 'positions_pkey', columns: [t.source] })],
);

/** The checkpoints that signer signed. Rows are for ever. */
export const checkpoints = auditSchema.table(
  'checkpoints',
  {
    treeSize: int8('tree_size').notNull(),
    rootHash: bytea('root_hash').notNull(),
    origin: text('origin').notNull(),
    signedNote: text('signed_note').notNull(),
    verifierKey: text('verifier_key').notNull(),
    signedAt: instant('signed_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'checkpoints_pkey', columns: [t.treeSize] }),
    check('checkpoints_root_hash_check', sql`octet_length(root_hash) = 32`),
  ],
);

/** When signer last vouched for the latest checkpoint. One row. */
export const checkpointState = auditSchema.table(
  'checkpoint_state',
  {
    singleton: boolean('singleton').notNull().default(true),
    treeSize: int8('tree_size').notNull(),
    vouchedAt: instant('vouched_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'checkpoint_state_pkey', columns: [t.singleton] }),
    check('checkpoint_state_singleton_check', sql`singleton`),
  ],
);

/** Second stories that sources told. Rows are for ever. */
export const conflicts = auditSchema.table(
  'conflicts',
  {
    id: int8('id').notNull().generatedAlwaysAsIdentity(),
    kind: text('kind', { enum: ['number-reused', 'event-id-reused'] }).notNull(),
    source: text('source').notNull(),
    number: int8('number').notNull(),
    eventId: uuid('event_id').notNull(),
    /** The entry that stands. */
    index: int8('index').notNull(),
    offeredLeaf: bytea('offered_leaf').notNull(),
    /** What was offered, as protobuf. */
    offered: bytea('offered').notNull(),
    detectedAt: instant('detected_at').notNull(),
  },
  (t) => [
    primaryKey({ name: 'conflicts_pkey', columns: [t.id] }),
    unique('conflicts_story_key').on(t.source, t.number, t.kind, t.offeredLeaf),
  ],
);

export const { outbox, outboxState, outboxConsumers } = outboxTables(auditSchema);
export const leases = leaseTable(auditSchema);
export const requests = requestTable(auditSchema);
