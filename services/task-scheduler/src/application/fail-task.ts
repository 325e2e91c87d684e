import type { Task, TaskRef } from '../domain/task.ts';
import { messageText } from '../domain/text.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { SettleAttempts } from './settle-attempts.ts';

/** A worker's word that an attempt failed. */
export interface FailTaskCall extends TaskRef {
  readonly fence: bigint;
  /** In capitals. */
  readonly reason: string;
  readonly message: string;
  /** No retry can help. */
  readonly final: boolean;
  readonly origin: Origin;
}

/**
 * Ends an attempt badly: the task is tried again by its policy, is dead where its attempts are used up, or has failed
 * where the worker says that no retry can help.
 *
 * @throws SchedulerError `task-not-found`, `fence-stale`; CoalescerError.
 */
export async function failTask(settleAttempts: SettleAttempts, call: FailTaskCall): Promise<Task> {
  const { project, id, fence, reason, message, final, origin } = call;
  const error = { reason, message: messageText(message) };
  return settleAttempts.settle({ project, id, origin, command: { kind: 'fail', fence, error, final } });
}
