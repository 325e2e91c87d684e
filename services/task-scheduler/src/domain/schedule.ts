import { type JsonObject, jsonEquals } from './json-value.ts';

/** What a schedule says: given when it is created, never changed. */
export interface ScheduleContent {
  /** 1,000 to 366 days. */
  readonly intervalMs: number;
  readonly taskType: string;
  readonly taskPayload: JsonObject;
}

/** A rule that makes tasks. */
export interface Schedule extends ScheduleContent {
  readonly project: string;
  /** Its name's last part. */
  readonly id: string;
  /** Of this very schedule: one that is created again under the same name has another. */
  readonly uid: string;
  readonly nextAt: Date;
  /** The last occurrence's planned time. */
  readonly lastAt: Date | undefined;
  /** The task made last. */
  readonly lastTask: string | undefined;
  readonly createdAt: Date;
  /** Grows with each change. */
  readonly version: number;
}

/** One occurrence to plan, and when the one after it is due. */
export interface OccurrencePlan {
  readonly plannedAt: Date;
  readonly nextAt: Date;
}

/** Whether two schedules say the same. */
export function sameContent(a: ScheduleContent, b: ScheduleContent): boolean {
  return a.intervalMs === b.intervalMs && a.taskType === b.taskType && jsonEquals(a.taskPayload, b.taskPayload);
}

/** The first whole multiple of the interval since 1970 that lies after the time. */
export function occurrenceAfter(intervalMs: number, time: Date): Date {
  return new Date((Math.floor(time.getTime() / intervalMs) + 1) * intervalMs);
}

/**
 * What is to be planned at a time: the latest occurrence that is due, so that a stretch in which no scheduler ran is
 * made up for once. Undefined while nothing is due.
 */
export function planOccurrence(schedule: Schedule, now: Date): OccurrencePlan | undefined {
  if (schedule.nextAt > now) return undefined;
  const nextAt = occurrenceAfter(schedule.intervalMs, now);
  return { plannedAt: new Date(nextAt.getTime() - schedule.intervalMs), nextAt };
}

/** The unique key under which a schedule's tasks keep each other from overlapping. */
export function overlapKey(schedule: Schedule): string {
  return `schedule:${schedule.uid}`;
}
