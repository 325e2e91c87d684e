import type { OccurrencePlan, Schedule } from '../../domain/schedule.ts';

/** One occurrence to record. */
export interface PlannedOccurrence extends OccurrencePlan {
  readonly schedule: Schedule;
  /** The task made for it. */
  readonly taskId: string;
}

/** Schedules, in the transaction at hand. */
export interface ScheduleStore {
  /** Undefined where it was written; else the one that has the name already. */
  insert(schedule: Schedule): Promise<Schedule | undefined>;
  /** The schedule deleted, or undefined where there is none of that name in the project. */
  delete(ref: { readonly project: string; readonly id: string }): Promise<Schedule | undefined>;
  /** Locks schedules that are due at `now`, the longest first; what other planners hold is passed over. */
  lockDue(options: { readonly now: Date; readonly limit: number }): Promise<readonly Schedule[]>;
  /**
   * Records occurrences. @returns the uids of the schedules whose occurrence was not there yet: only these are to be
   * acted on.
   */
  recordOccurrences(occurrences: readonly PlannedOccurrence[]): Promise<ReadonlySet<string>>;
  /** Marks occurrences as skipped, since the schedule's earlier task has not ended. */
  skipOccurrences(occurrences: readonly PlannedOccurrence[]): Promise<void>;
  /** Moves schedules on to their next time. `made`: a task was made for the occurrence. */
  advance(steps: readonly { readonly occurrence: PlannedOccurrence; readonly made: boolean }[]): Promise<void>;
}

/** Which page of schedules. */
export interface ScheduleListQuery {
  readonly project: string;
  /** Only after this id. */
  readonly after: string | undefined;
  /** At least 1. */
  readonly limit: number;
}

/** Reads outside of transactions. */
export interface ScheduleReader {
  /** Undefined where there is none in this project. */
  find(ref: { readonly project: string; readonly id: string }): Promise<Schedule | undefined>;
  /** By id; `more` where others follow. A page may be shorter than asked for where its schedules are large. */
  list(query: ScheduleListQuery): Promise<{ readonly schedules: readonly Schedule[]; readonly more: boolean }>;
}
