import type { TaskEvent } from '../../domain/task.ts';
import type { ClaimedTask, TaskCounts } from './task-store.ts';

/** Told of what has been committed; metrics are made of it. MUST NOT throw. */
export interface TaskObserver {
  changed(events: readonly TaskEvent[]): void;
  claimed(tasks: readonly ClaimedTask[]): void;
  sampled(counts: TaskCounts): void;
}
