import { SchedulerError } from './errors.ts';
import type { TaskDefinition, TaskEvent, TaskLife } from './task.ts';
import { applyEvent } from './task-state.ts';

/** What a task's events amount to. */
export interface ReplayedTask {
  readonly definition: TaskDefinition;
  readonly life: TaskLife;
}

/**
 * Rebuilds a task from all of its events, in order.
 *
 * @throws SchedulerError `broken-history` where they are none, incomplete, or contradict the state machine.
 */
export function replayTask(events: readonly TaskEvent[]): ReplayedTask {
  const first = events[0];
  if (first === undefined || (first.state !== 'scheduled' && first.state !== 'pending')) {
    throw new SchedulerError(
      'broken-history',
      'A history begins with the creation of its task. Compare it with a backup.',
    );
  }
  const life = events.slice(1).reduce(applyEvent, applyEvent(undefined, first));
  return { definition: first.definition, life };
}
