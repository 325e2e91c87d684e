import { isAudited, taskAuditEvent } from '../domain/audit-event.ts';
import type { Task, TaskDefinition, TaskEvent, TaskRef } from '../domain/task.ts';
import { applyEvent, decide, type TaskCommand, type TaskDecision } from '../domain/task-state.ts';
import type { AuditEntry, Origin } from './ports/audit-trail.ts';
import type { LockedTask, TaskChange } from './ports/task-store.ts';
import type { Work } from './ports/unit-of-work.ts';

/** A command on a task that the transaction has locked. */
export interface LockedCommand {
  readonly task: LockedTask;
  readonly command: TaskCommand;
  readonly origin: Origin;
}

/** What a command led to. */
export interface Transitioned {
  readonly decision: TaskDecision;
  /** The task as it stands after it. */
  readonly task: Task;
  readonly origin: Origin;
}

/** Something that happened to a task, and where it came from. */
export interface TaskStep<T = TaskRef & { readonly definition: Pick<TaskDefinition, 'type' | 'schedule'> }> {
  readonly task: T;
  readonly event: TaskEvent;
  readonly origin: Origin;
}

/**
 * Decides commands on locked tasks, one per task, and writes the rows and events that they lead to. The audit events
 * are the caller's to append, last.
 *
 * @returns what each led to, in their order.
 */
export async function transitionTasks(
  work: Work,
  commands: readonly LockedCommand[],
  random: () => number,
): Promise<readonly Transitioned[]> {
  const changes: TaskChange[] = [];
  const transitioned = commands.map(({ task, command, origin }): Transitioned => {
    const decision = decide(task.life, command, { limits: task.definition, now: work.now, random });
    if (decision.kind !== 'event') return { decision, task, origin };
    const after = applyEvent(task.life, decision.event);
    changes.push({ before: task, event: decision.event, after });
    return { decision, task: { ...task, life: after }, origin };
  });
  if (changes.length > 0) await work.tasks.save(changes);
  return transitioned;
}

/** The steps among what commands led to. */
export function stepsOf(transitioned: readonly Transitioned[]): readonly TaskStep<Task>[] {
  return transitioned.flatMap(({ decision, task, origin }) =>
    decision.kind === 'event' ? [{ task, event: decision.event, origin }] : [],
  );
}

/** The audit entries of steps: those of tasks of audited types. */
export function auditEntries(steps: readonly TaskStep[]): readonly AuditEntry[] {
  return steps
    .filter(({ task }) => isAudited(task.definition.type))
    .map(({ task, event, origin }) => ({ event: taskAuditEvent(task, event), origin }));
}
