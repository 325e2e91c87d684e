import { failpoint } from '@cert-tasks/failpoint';
import type { LeasedTask } from '../domain/task.ts';
import { identifyingText } from '../domain/text.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { ClaimQuery } from './ports/task-store.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';
import type { ReadyBell } from './ready-bell.ts';
import { auditEntries } from './transition-tasks.ts';

/** A worker's call for work. */
export interface LeaseTasksCall extends ClaimQuery {
  /** How long to wait for a first task; 0 answers at once. */
  readonly waitMs: number;
  /** The caller has gone, or its time is up. */
  readonly signal: AbortSignal;
  readonly origin: Origin;
}

/** What {@link leaseTasks} works with. */
export interface LeaseTasksDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly bell: ReadyBell;
  readonly observer: TaskObserver;
  readonly random: () => number;
  /** A clock that never steps back, in milliseconds. */
  readonly monotonicMs: () => number;
  /** How long a waiting caller goes at most without a look at the table: what neither bell nor hint told of. */
  readonly pollMs: number;
}

/**
 * Takes waiting tasks for a worker; with `waitMs`, an empty answer comes only after that long, or when the service
 * stops.
 *
 * @throws SchedulerError `invalid-argument` (worker); the signal's reason.
 */
export async function leaseTasks(deps: LeaseTasksDependencies, call: LeaseTasksCall): Promise<readonly LeasedTask[]> {
  const { bell, monotonicMs, pollMs, random } = deps;
  identifyingText({ value: call.worker, field: 'worker' });
  const until = monotonicMs() + call.waitMs;
  for (;;) {
    // 1. Listen before looking, or what is committed in between would be slept through.
    const listening = bell.listen(call);
    let looksAgain = false;
    try {
      // 2. Look.
      call.signal.throwIfAborted();
      const leased = await claimOnce(deps, call);
      const left = until - monotonicMs();
      if (leased.length > 0 || left <= 0 || bell.closed) return leased;
      // 3. Wait for the bell, and no longer than a jittered poll.
      await listening.rung({ ms: Math.min(left, pollMs * (0.5 + random() / 2)), signal: call.signal });
      looksAgain = true;
    } finally {
      listening.end({ acted: looksAgain });
    }
  }
}

async function claimOnce(deps: LeaseTasksDependencies, call: LeaseTasksCall): Promise<readonly LeasedTask[]> {
  const { claimed, more } = await deps.unitOfWork.run('lease-tasks', async (work) => {
    const claim = await work.tasks.claim(call);
    await work.audit.append(
      auditEntries(claim.claimed.map(({ task, event }) => ({ task, event, origin: call.origin }))),
    );
    return claim;
  });
  if (claimed.length === 0) return claimed;
  failpoint('task.lease.after-commit');
  deps.observer.claimed(claimed);
  // A full answer may have left some behind, for which the bell has rung already: the next waiter sees to them.
  if (more) deps.bell.passOn(call);
  return claimed;
}
