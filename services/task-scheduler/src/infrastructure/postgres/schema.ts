import { leaseTable } from '@cert-tasks/db';
import { requestTable } from '@cert-tasks/idempotency';
import { outboxTables } from '@cert-tasks/outbox';
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  index,
  integer,
  json,
  pgSchema,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core';

/** The schema of the task-scheduler. */
export const taskSchema = pgSchema('task');

/** Times are whole milliseconds, so that a row and its history compare exactly. */
const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** The columns of a task, the same while it lives and after it has ended (docs/adr/0004). */
const taskColumns = () => ({
  id: uuid('id').notNull(),
  project: text('project').notNull(),
  type: text('type').notNull(),
  state: text('state').notNull(),
  /** 0 low, 1 normal, 2 high, 3 critical. */
  priority: smallint('priority').notNull(),
  // As json, not jsonb: what a caller sent comes back as it was, and a number of 300 digits cannot grow in storage.
  payload: json('payload').notNull(),
  labels: json('labels').notNull(),
  /** What the task takes in an answer, in bytes, more or less: claims and pages are bounded by it. */
  weight: integer('weight').notNull(),
  /** As the caller gave it; null: at once. */
  scheduleAt: time('schedule_at'),
  runAt: time('run_at').notNull(),
  deadlineAt: time('deadline_at'),
  attemptTimeoutMs: integer('attempt_timeout_ms').notNull(),
  maxAttempts: integer('max_attempts').notNull(),
  initialBackoffMs: integer('initial_backoff_ms').notNull(),
  maxBackoffMs: integer('max_backoff_ms').notNull(),
  attempt: integer('attempt').notNull(),
  fence: bigint('fence', { mode: 'bigint' }).notNull(),
  /** The fence whose worker ended an attempt last. */
  endedFence: bigint('ended_fence', { mode: 'bigint' }),
  leaseWorker: text('lease_worker'),
  /** How long the lease lasts without a heartbeat. */
  leaseMs: integer('lease_ms'),
  /** Never past the attempt's timeout or the deadline. */
  leaseExpiresAt: time('lease_expires_at'),
  uniqueKey: text('unique_key'),
  progressPercent: smallint('progress_percent').notNull(),
  progressMessage: text('progress_message').notNull(),
  result: json('result'),
  lastErrorReason: text('last_error_reason'),
  lastErrorMessage: text('last_error_message'),
  schedule: text('schedule'),
  traceparent: text('traceparent'),
  /** Events so far. */
  version: integer('version').notNull(),
  createdAt: time('created_at').notNull(),
  startedAt: time('started_at'),
  endedAt: time('ended_at'),
});

const WAITING = sql`state in ('scheduled', 'pending', 'retrying')`;

/** Tasks that have not ended. Small, so that claiming stays fast however long the history is. */
export const tasks = taskSchema.table('tasks', taskColumns(), (table) => [
  primaryKey({ name: 'tasks_pkey', columns: [table.id] }),
  // Claims read these two in order, each for one type and priority.
  index('tasks_claim_idx').on(table.type, table.priority.desc(), table.runAt, table.id).where(WAITING),
  index('tasks_project_claim_idx')
    .on(table.project, table.type, table.priority.desc(), table.runAt, table.id)
    .where(WAITING),
  index('tasks_lease_idx').on(table.leaseExpiresAt).where(sql`state = 'running'`),
  index('tasks_deadline_idx').on(table.deadlineAt).where(sql`${WAITING} and deadline_at is not null`),
  index('tasks_project_idx').on(table.project, table.id),
  check('tasks_state_check', sql`state in ('scheduled', 'pending', 'running', 'retrying')`),
  check('tasks_lease_check', sql`(state = 'running') = (lease_expires_at is not null)`),
]);

/** Tasks that have ended. */
export const finishedTasks = taskSchema.table('finished_tasks', taskColumns(), (table) => [
  primaryKey({ name: 'finished_tasks_pkey', columns: [table.id] }),
  index('finished_tasks_project_idx').on(table.project, table.id),
  // What an operator looks for among millions that went well.
  index('finished_tasks_unwell_idx').on(table.project, table.state, table.id).where(sql`state <> 'completed'`),
  check('finished_tasks_state_check', sql`state in ('completed', 'failed', 'cancelled', 'dead')`),
]);

/** The transitions of tasks: a task's row is their sum. */
export const taskEvents = taskSchema.table(
  'task_events',
  {
    taskId: uuid('task_id').notNull(),
    sequence: integer('sequence').notNull(),
    state: text('state').notNull(),
    at: time('at').notNull(),
    attempt: integer('attempt').notNull(),
    /** The fence that holds from this event on. */
    fence: bigint('fence', { mode: 'bigint' }).notNull(),
    worker: text('worker'),
    errorReason: text('error_reason'),
    errorMessage: text('error_message'),
    /** The definition (first event), the result (completed), the time of the next attempt (retrying). */
    detail: json('detail'),
  },
  (table) => [primaryKey({ name: 'task_events_pkey', columns: [table.taskId, table.sequence] })],
);

/** Unique keys of tasks that have not ended. */
export const taskUniqueKeys = taskSchema.table(
  'task_unique_keys',
  {
    project: text('project').notNull(),
    type: text('type').notNull(),
    uniqueKey: text('unique_key').notNull(),
    taskId: uuid('task_id').notNull(),
  },
  (table) => [primaryKey({ name: 'task_unique_keys_pkey', columns: [table.project, table.type, table.uniqueKey] })],
);

/** Rules that make tasks. */
export const schedules = taskSchema.table(
  'schedules',
  {
    project: text('project').notNull(),
    id: text('id').notNull(),
    uid: uuid('uid').notNull(),
    intervalMs: bigint('interval_ms', { mode: 'bigint' }).notNull(),
    taskType: text('task_type').notNull(),
    taskPayload: json('task_payload').notNull(),
    nextAt: time('next_at').notNull(),
    lastAt: time('last_at'),
    lastTaskId: uuid('last_task_id'),
    createdAt: time('created_at').notNull(),
    version: integer('version').notNull(),
  },
  (table) => [
    primaryKey({ name: 'schedules_pkey', columns: [table.project, table.id] }),
    index('schedules_next_idx').on(table.nextAt),
  ],
);

/** The occurrences of schedules. They outlive their schedule: they are history. */
export const scheduleOccurrences = taskSchema.table(
  'schedule_occurrences',
  {
    /** The schedule's uid. */
    scheduleId: uuid('schedule_id').notNull(),
    plannedAt: time('planned_at').notNull(),
    /** Null where none was made. */
    taskId: uuid('task_id'),
    /** Why none was made. */
    skipped: text('skipped'),
    createdAt: time('created_at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'schedule_occurrences_pkey', columns: [table.scheduleId, table.plannedAt] }),
    check('schedule_occurrences_skipped_check', sql`(task_id is null) = (skipped is not null)`),
  ],
);

/** The events of this service. */
export const { outbox, outboxState, outboxConsumers } = outboxTables(taskSchema);

/** Who leads what. */
export const leases = leaseTable(taskSchema);

/** Requests that took effect. */
export const requests = requestTable(taskSchema);
