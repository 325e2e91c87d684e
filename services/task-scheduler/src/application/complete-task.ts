import { checkJson, type JsonObject } from '../domain/json-value.ts';
import type { Task, TaskRef } from '../domain/task.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { SettleAttempts } from './settle-attempts.ts';

/** A worker's word that a task is done. */
export interface CompleteTaskCall extends TaskRef {
  readonly fence: bigint;
  readonly result: JsonObject;
  readonly origin: Origin;
}

/**
 * Ends a task well.
 *
 * @throws SchedulerError `invalid-argument` (result), `task-not-found`, `fence-stale`; CoalescerError.
 */
export async function completeTask(settleAttempts: SettleAttempts, call: CompleteTaskCall): Promise<Task> {
  const { project, id, fence, result, origin } = call;
  checkJson({ value: result, field: 'result' });
  return settleAttempts.settle({ project, id, origin, command: { kind: 'complete', fence, result } });
}
