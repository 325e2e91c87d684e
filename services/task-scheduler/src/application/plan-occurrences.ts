import { failpoint } from '@cert-tasks/failpoint';
import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import { defineScheduledTask } from '../domain/define-task.ts';
import { overlapKey, planOccurrence } from '../domain/schedule.ts';
import { applyEvent } from '../domain/task-state.ts';
import { asTask, creationEvent } from './create-tasks.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { PlannedOccurrence } from './ports/schedule-store.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { NewTask } from './ports/task-store.ts';
import type { UnitOfWork, Work } from './ports/unit-of-work.ts';
import type { ReadyAnnouncer } from './ready-announcer.ts';
import { auditEntries } from './transition-tasks.ts';

/** What {@link planOccurrences} works with. */
export interface PlanOccurrencesDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly announcer: ReadyAnnouncer;
  readonly observer: TaskObserver;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Most schedules in one transaction. */
  readonly maxBatch: number;
}

/**
 * Makes the tasks of schedules that are due. Any number of replicas may do so at once: an occurrence is a row, unique
 * by schedule and planned time, and whoever writes it makes its task in the same transaction.
 *
 * @returns whether more are due.
 */
export async function planOccurrences(deps: PlanOccurrencesDependencies, origin: Origin): Promise<boolean> {
  const { made, found, now } = await deps.unitOfWork.run('plan-occurrences', (work) => planInOne(work, deps, origin));
  if (found === 0) return false;
  failpoint('task.schedule.after-occurrence');
  deps.observer.changed(made.map(({ event }) => event));
  deps.announcer.announce(made.map(asTask), now);
  return found === deps.maxBatch;
}

async function planInOne(work: Work, deps: PlanOccurrencesDependencies, origin: Origin) {
  // 1. Lock the schedules that are due, so that other planners pass them over.
  const due = await work.schedules.lockDue({ now: work.now, limit: deps.maxBatch });
  const planned = due.flatMap((schedule): PlannedOccurrence[] => {
    const plan = planOccurrence(schedule, work.now);
    return plan === undefined ? [] : [{ ...plan, schedule, taskId: newId(deps) }];
  });
  // 2. Write the occurrences: one that is there already (a planner with another clock was faster) makes no task here.
  const recorded = await work.schedules.recordOccurrences(planned);
  const ours = planned.filter(({ schedule }) => recorded.has(schedule.uid));
  // 3. Reserve each schedule's key: where its earlier task has not ended, the occurrence is skipped.
  const holders = await work.tasks.reserveUniqueKeys(ours.map(keyClaim));
  const skipped = ours.filter(({ taskId }) => holders.has(taskId));
  await work.schedules.skipOccurrences(skipped);
  // 4. Make the tasks, and move the schedules on.
  const runs = ours.filter(({ taskId }) => !holders.has(taskId));
  const made = runs.map((occurrence) => scheduledTask(occurrence, work.now));
  await work.tasks.insert(made);
  const madeFor = new Set(runs.map(({ taskId }) => taskId));
  await work.schedules.advance(planned.map((occurrence) => ({ occurrence, made: madeFor.has(occurrence.taskId) })));
  // 5. The audit events, last.
  await work.audit.append(auditEntries(made.map((task) => ({ task, event: task.event, origin }))));
  return { made, found: due.length, now: work.now };
}

function keyClaim({ schedule, taskId }: PlannedOccurrence) {
  return { project: schedule.project, id: taskId, type: schedule.taskType, uniqueKey: overlapKey(schedule) };
}

function scheduledTask({ schedule, taskId }: PlannedOccurrence, now: Date): NewTask {
  const definition = defineScheduledTask({
    type: schedule.taskType,
    payload: schedule.taskPayload,
    schedule: schedule.id,
    uniqueKey: overlapKey(schedule),
  });
  const event = creationEvent(definition, now);
  return { project: schedule.project, id: taskId, definition, event, life: applyEvent(undefined, event) };
}
