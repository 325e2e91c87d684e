import { failpoint } from '@cert-tasks/failpoint';
import type { Origin } from './ports/audit-trail.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { UnitOfWork, Work } from './ports/unit-of-work.ts';
import type { ReadyAnnouncer } from './ready-announcer.ts';
import { auditEntries, stepsOf, transitionTasks } from './transition-tasks.ts';

/** What {@link expireTasks} works with. */
export interface ExpireTasksDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly announcer: ReadyAnnouncer;
  readonly observer: TaskObserver;
  readonly random: () => number;
  /** Most tasks in one transaction. */
  readonly maxBatch: number;
}

/**
 * Ends what time has ended: leases without a sign of life, attempts that ran too long, tasks whose deadline passed.
 * Any number of replicas may do so at once.
 *
 * @returns whether more are left for now.
 */
export async function expireTasks(deps: ExpireTasksDependencies, origin: Origin): Promise<boolean> {
  const { steps, found, now } = await deps.unitOfWork.run('expire-tasks', (work) => expireInOne(work, deps, origin));
  if (steps.length === 0) return false;
  failpoint('task.expire.after-commit');
  deps.observer.changed(steps.map(({ event }) => event));
  deps.announcer.announce(
    steps.map(({ task }) => task),
    now,
  );
  return found === deps.maxBatch;
}

async function expireInOne(work: Work, deps: ExpireTasksDependencies, origin: Origin) {
  // 1. Lock what has run out; what a heartbeat or a result holds at this moment may yet be saved, and is seen to
  //    next time.
  const expired = await work.tasks.lockExpired({ now: work.now, limit: deps.maxBatch });
  // 2. Decide and write.
  const commands = expired.map((task) => ({
    task,
    command: { kind: 'expire', leaseExpiresAt: task.leaseExpiresAt } as const,
    origin,
  }));
  const steps = stepsOf(await transitionTasks(work, commands, deps.random));
  // 3. The audit events, last.
  await work.audit.append(auditEntries(steps));
  return { steps, found: expired.length, now: work.now };
}
