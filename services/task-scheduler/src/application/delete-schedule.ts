import { scheduleAuditEvent } from '../domain/audit-event.ts';
import { scheduleNotFound } from '../domain/errors.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/**
 * Deletes a schedule; the tasks that it made stay.
 *
 * @throws SchedulerError `schedule-not-found`.
 */
export async function deleteSchedule(
  unitOfWork: UnitOfWork,
  call: { readonly project: string; readonly id: string; readonly origin: Origin },
): Promise<void> {
  await unitOfWork.run('delete-schedule', async (work) => {
    const schedule = await work.schedules.delete(call);
    if (schedule === undefined) throw scheduleNotFound(call);
    await work.audit.append([{ event: scheduleAuditEvent('schedule.deleted', schedule), origin: call.origin }]);
  });
}
