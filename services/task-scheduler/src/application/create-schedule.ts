import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import { scheduleAuditEvent } from '../domain/audit-event.ts';
import { invalidArgument, SchedulerError } from '../domain/errors.ts';
import { checkJson } from '../domain/json-value.ts';
import { occurrenceAfter, type Schedule, type ScheduleContent, sameContent } from '../domain/schedule.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** A call to create a schedule. */
export interface CreateScheduleCall extends ScheduleContent {
  readonly project: string;
  readonly id: string;
  readonly origin: Origin;
}

/** What {@link createSchedule} works with. */
export interface CreateScheduleDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/**
 * The schedule created, or the one of this name that says the same.
 *
 * @throws SchedulerError `invalid-argument` (interval, task_payload), `schedule-exists`.
 */
export async function createSchedule(deps: CreateScheduleDependencies, call: CreateScheduleCall): Promise<Schedule> {
  const { project, id, intervalMs, taskType, taskPayload, origin } = call;
  if (!Number.isSafeInteger(intervalMs)) {
    throw invalidArgument({ field: 'interval', message: 'The interval must be in whole milliseconds.' });
  }
  checkJson({ value: taskPayload, field: 'task_payload' });
  const uid = newId(deps);
  return deps.unitOfWork.run('create-schedule', async (work) => {
    const nextAt = occurrenceAfter(intervalMs, work.now);
    const content = { intervalMs, taskType, taskPayload };
    const created = {
      ...content,
      project,
      id,
      uid,
      nextAt,
      lastAt: undefined,
      lastTask: undefined,
      createdAt: work.now,
    };
    const schedule: Schedule = { ...created, version: 1 };
    const existing = await work.schedules.insert(schedule);
    if (existing !== undefined) {
      if (sameContent(existing, call)) return existing;
      throw new SchedulerError('schedule-exists', `A schedule ${id} with other content exists. Delete it first.`, {
        field: 'schedule_id',
      });
    }
    await work.audit.append([{ event: scheduleAuditEvent('schedule.created', schedule), origin }]);
    return schedule;
  });
}
