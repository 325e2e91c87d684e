import { formatResourceName } from '@cert-tasks/kernel';
import { SchedulerError, taskNotFound } from '../domain/errors.ts';
import type { Task, TaskRef } from '../domain/task.ts';
import { messageText } from '../domain/text.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { RequestIdentity } from './ports/request-register.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { UnitOfWork, Work } from './ports/unit-of-work.ts';
import { auditEntries, stepsOf, transitionTasks } from './transition-tasks.ts';

/** A call to cancel a task. */
export interface CancelTaskCall extends TaskRef {
  /** Why, for the history. */
  readonly reason: string;
  /** Undefined: not remembered. Cancelling is safe to repeat all the same. */
  readonly identity: RequestIdentity | undefined;
  readonly origin: Origin;
}

/** What {@link cancelTask} works with. */
export interface CancelTaskDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly observer: TaskObserver;
  readonly random: () => number;
}

/**
 * Cancels a task for good: once this has returned no worker's result is taken. A cancelled task stays as it is.
 *
 * @throws SchedulerError `task-not-found`, `task-ended`; AppError `request-id-reused`, `request-in-progress`.
 */
export async function cancelTask(deps: CancelTaskDependencies, call: CancelTaskCall): Promise<Task> {
  const { task, steps } = await deps.unitOfWork.run('cancel-task', (work) => cancelInOne(work, call, deps.random));
  deps.observer.changed(steps.map(({ event }) => event));
  return task;
}

async function cancelInOne(work: Work, call: CancelTaskCall, random: () => number) {
  const { project, id, identity, origin } = call;
  // 1. The request: a repeat answers with the task as it stands.
  if (identity !== undefined) {
    const resource = formatResourceName('projects/{project}/tasks/{task}', { project, task: id });
    const [claim] = await work.requests.claim([{ identity, resource }]);
    if (claim?.outcome === 'refused') throw claim.error;
    if (claim?.outcome === 'replay') return { task: await existing(work, call), steps: [] };
  }
  // 2. Lock the task; one that has ended is told apart from one that never was.
  const locked = (await work.tasks.lock([{ project, id }])).get(id);
  if (locked === undefined) {
    const ended = await existing(work, call);
    if (ended.life.state !== 'cancelled') throw alreadyEnded(ended);
    return { task: ended, steps: [] };
  }
  // 3. Cancel: the fence moves on, so that the worker learns of it by its next heartbeat and its result is refused.
  const command = { kind: 'cancel', message: messageText(call.reason) } as const;
  const transitioned = await transitionTasks(work, [{ task: locked, command, origin }], random);
  // 4. The audit event, last.
  const steps = stepsOf(transitioned);
  await work.audit.append(auditEntries(steps));
  return { task: transitioned[0]?.task ?? locked, steps };
}

async function existing(work: Work, { project, id }: TaskRef): Promise<Task> {
  const task = (await work.tasks.find([{ project, id }])).get(id);
  if (task === undefined) throw taskNotFound({ project, id });
  return task;
}

function alreadyEnded({ life }: Task): SchedulerError {
  return new SchedulerError('task-ended', `The task has ended as ${life.state}: there is nothing left to cancel.`, {
    metadata: { state: life.state.toUpperCase() },
  });
}
