import type { WorkerService } from '@cert-tasks/contracts/task/v1';
import type { Clock } from '@cert-tasks/kernel';
import type { CallContext, Handlers } from '@cert-tasks/rpc';
import { completeTask } from '../../application/complete-task.ts';
import { failTask } from '../../application/fail-task.ts';
import { heartbeatTasks } from '../../application/heartbeat-tasks.ts';
import { type LeaseTasksDependencies, leaseTasks } from '../../application/lease-tasks.ts';
import type { Origin } from '../../application/ports/audit-trail.ts';
import type { SettleAttempts } from '../../application/settle-attempts.ts';
import { formatHeartbeat, formatLeasedTask, formatTask } from './format.ts';
import { parseTaskName, parseWorkerParent } from './names.ts';
import { durationMs, parseHeartbeats } from './parse.ts';

const DEFAULT_LEASE_MS = 30_000;

/**
 * What a claim and its way back take: an answer that is begun later than this before the caller's deadline would be
 * lost, and its tasks idle for a lease.
 */
const ANSWER_MARGIN_MS = 500;

/** What {@link workerHandlers} answer from. */
export interface WorkerHandlersDependencies {
  readonly lease: LeaseTasksDependencies;
  readonly settleAttempts: SettleAttempts;
  readonly clock: Clock;
  /** What the audit log is told of a call. */
  readonly originOf: (ctx: CallContext) => Origin;
}

/** The handlers of certtasks.task.v1.WorkerService. */
export function workerHandlers(deps: WorkerHandlersDependencies): Handlers<typeof WorkerService> {
  const { lease, settleAttempts, clock, originOf } = deps;
  const untilDeadlineMs = (ctx: CallContext): number =>
    ctx.deadline === undefined ? Infinity : ctx.deadline.getTime() - clock.now().getTime() - ANSWER_MARGIN_MS;
  return {
    async leaseTasks(ctx, { parent, worker, types, maxTasks, leaseDuration, wait }) {
      const leased = await leaseTasks(lease, {
        project: parseWorkerParent(parent),
        worker,
        types,
        limit: maxTasks,
        leaseMs: Math.round(durationMs(leaseDuration) ?? DEFAULT_LEASE_MS),
        waitMs: Math.max(0, Math.min(durationMs(wait) ?? 0, untilDeadlineMs(ctx))),
        signal: ctx.signal,
        origin: originOf(ctx),
      });
      return { tasks: leased.map(formatLeasedTask) };
    },

    async heartbeatTasks(_ctx, { parent, heartbeats }) {
      const beats = parseHeartbeats(heartbeats, parseWorkerParent(parent));
      const outcomes = await heartbeatTasks(lease.unitOfWork, beats);
      return { outcomes: outcomes.map(formatHeartbeat) };
    },

    async completeTask(ctx, { name, fence, result }) {
      const call = { ...parseTaskName(name), fence, result: result ?? {}, origin: originOf(ctx) };
      return { task: formatTask(await completeTask(settleAttempts, call)) };
    },

    async failTask(ctx, { name, fence, reason, message, final }) {
      const call = { ...parseTaskName(name), fence, reason, message, final, origin: originOf(ctx) };
      return { task: formatTask(await failTask(settleAttempts, call)) };
    },
  };
}
