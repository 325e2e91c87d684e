import type { Database, TransactionSql, Tx } from '@cert-tasks/db';
import type {
  PlannedOccurrence,
  ScheduleListQuery,
  ScheduleReader,
  ScheduleStore,
} from '../../application/ports/schedule-store.ts';
import type { JsonObject } from '../../domain/json-value.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { MAX_ANSWER_WEIGHT } from './answer-weight.ts';

const COLUMNS =
  'project, id, uid, interval_ms, task_type, task_payload, next_at, last_at, last_task_id, created_at, version';

interface ScheduleRow {
  readonly project: string;
  readonly id: string;
  readonly uid: string;
  readonly interval_ms: bigint;
  readonly task_type: string;
  readonly task_payload: JsonObject;
  readonly next_at: Date;
  readonly last_at: Date | null;
  readonly last_task_id: string | null;
  readonly created_at: Date;
  readonly version: number;
}

/** Schedules in PostgreSQL, in one transaction. */
export class PostgresScheduleStore implements ScheduleStore {
  readonly #sql: TransactionSql;

  constructor(tx: Tx) {
    this.#sql = tx.sql;
  }

  async insert(schedule: Schedule): Promise<Schedule | undefined> {
    const { project, id, uid, intervalMs, taskType, taskPayload, nextAt, createdAt, version } = schedule;
    const { count } = await this.#sql`
      insert into schedules (project, id, uid, interval_ms, task_type, task_payload, next_at, created_at, version)
      values (
        ${project}, ${id}, ${uid}, ${BigInt(intervalMs)}, ${taskType}, ${JSON.stringify(taskPayload)}::json, ${nextAt},
        ${createdAt}, ${version}
      )
      on conflict (project, id) do nothing`;
    if (count === 1) return undefined;
    // For the rest of this transaction it stays: what is compared and answered is what is there.
    const [row] = await this.#sql<ScheduleRow[]>`
      select ${this.#sql.unsafe(COLUMNS)} from schedules where project = ${project} and id = ${id} for share`;
    // Deleted since the conflict: then the name is free.
    return row === undefined ? this.insert(schedule) : scheduleFromRow(row);
  }

  async delete({ project, id }: { readonly project: string; readonly id: string }): Promise<Schedule | undefined> {
    const [row] = await this.#sql<ScheduleRow[]>`
      delete from schedules where project = ${project} and id = ${id} returning ${this.#sql.unsafe(COLUMNS)}`;
    return row === undefined ? undefined : scheduleFromRow(row);
  }

  async lockDue({ now, limit }: { readonly now: Date; readonly limit: number }): Promise<readonly Schedule[]> {
    const rows = await this.#sql<ScheduleRow[]>`
      select ${this.#sql.unsafe(COLUMNS)} from schedules
      where next_at <= ${now}
      order by next_at
      limit ${limit}
      for update skip locked`;
    return rows.map(scheduleFromRow);
  }

  async recordOccurrences(occurrences: readonly PlannedOccurrence[]): Promise<ReadonlySet<string>> {
    if (occurrences.length === 0) return new Set();
    const rows = await this.#sql<{ schedule_id: string }[]>`
      insert into schedule_occurrences (schedule_id, planned_at, task_id, created_at)
      select schedule_id, planned_at, task_id, statement_timestamp()
      from json_to_recordset(${JSON.stringify(occurrences.map(occurrenceRecord))}::json) as o (
        schedule_id uuid, planned_at timestamptz, task_id uuid
      )
      order by schedule_id
      on conflict do nothing
      returning schedule_id`;
    return new Set(rows.map((row) => row.schedule_id));
  }

  async skipOccurrences(occurrences: readonly PlannedOccurrence[]): Promise<void> {
    if (occurrences.length === 0) return;
    await this.#sql`
      update schedule_occurrences s
      set task_id = null, skipped = 'OVERLAP'
      from json_to_recordset(${JSON.stringify(occurrences.map(occurrenceRecord))}::json) as o (
        schedule_id uuid, planned_at timestamptz, task_id uuid
      )
      where s.schedule_id = o.schedule_id and s.planned_at = o.planned_at and s.task_id = o.task_id`;
  }

  async advance(steps: readonly { readonly occurrence: PlannedOccurrence; readonly made: boolean }[]): Promise<void> {
    if (steps.length === 0) return;
    const records = steps.map(({ occurrence, made }) => ({
      uid: occurrence.schedule.uid,
      project: occurrence.schedule.project,
      id: occurrence.schedule.id,
      next_at: occurrence.nextAt,
      last_at: occurrence.plannedAt,
      task_id: made ? occurrence.taskId : null,
    }));
    await this.#sql`
      update schedules s
      set next_at = a.next_at,
        last_at = a.last_at,
        last_task_id = coalesce(a.task_id, s.last_task_id),
        version = s.version + 1
      from json_to_recordset(${JSON.stringify(records)}::json) as a (
        uid uuid, project text, id text, next_at timestamptz, last_at timestamptz, task_id uuid
      )
      where s.project = a.project and s.id = a.id and s.uid = a.uid`;
  }
}

/** Schedules in PostgreSQL, outside of transactions. */
export class PostgresScheduleReader implements ScheduleReader {
  readonly #db: Pick<Database, 'query'>;

  constructor(db: Pick<Database, 'query'>) {
    this.#db = db;
  }

  async find({ project, id }: { readonly project: string; readonly id: string }): Promise<Schedule | undefined> {
    const [row] = await this.#db.query(
      'find-schedule',
      ({ sql }) => sql<ScheduleRow[]>`
        select ${sql.unsafe(COLUMNS)} from schedules where project = ${project} and id = ${id}`,
    );
    return row === undefined ? undefined : scheduleFromRow(row);
  }

  async list({ project, after, limit }: ScheduleListQuery): Promise<{ schedules: readonly Schedule[]; more: boolean }> {
    const rows = await this.#db.query(
      'list-schedules',
      ({ sql }) => sql<(ScheduleRow & { available: number })[]>`
        select ${sql.unsafe(COLUMNS)}, available
        from (
          select page.*, count(*) over ()::int as available,
            sum(octet_length(task_payload::text) + 256) over (order by id) - octet_length(task_payload::text) - 256 as before
          from (
            select ${sql.unsafe(COLUMNS)} from schedules
            where project = ${project} and id > ${after ?? ''}
            order by id
            limit ${limit + 1}
          ) as page
        ) as weighed
        where before < ${MAX_ANSWER_WEIGHT}
        order by id`,
    );
    const shown = rows.slice(0, limit);
    return { schedules: shown.map(scheduleFromRow), more: (rows[0]?.available ?? 0) > shown.length };
  }
}

function occurrenceRecord({ schedule, plannedAt, taskId }: PlannedOccurrence) {
  return { schedule_id: schedule.uid, planned_at: plannedAt, task_id: taskId };
}

function scheduleFromRow(row: ScheduleRow): Schedule {
  return {
    project: row.project,
    id: row.id,
    uid: row.uid,
    intervalMs: Number(row.interval_ms),
    taskType: row.task_type,
    taskPayload: row.task_payload,
    nextAt: row.next_at,
    lastAt: row.last_at ?? undefined,
    lastTask: row.last_task_id ?? undefined,
    createdAt: row.created_at,
    version: row.version,
  };
}
