import type { Task } from '../domain/task.ts';
import { messageText } from '../domain/text.ts';
import type { Heartbeat } from './ports/task-store.ts';
import type { UnitOfWork } from './ports/unit-of-work.ts';

/** What a sign of life brought. */
export type HeartbeatOutcome =
  | { readonly held: true; readonly leaseExpiresAt: Date }
  /** The lease is lost: the worker stops this task. */
  | { readonly held: false; readonly reason: 'FENCE_STALE' | 'CANCELLED' };

/** Holds leases on and notes progress, each by its own fence. @returns outcomes in the order of the signs. */
export async function heartbeatTasks(
  unitOfWork: UnitOfWork,
  beats: readonly Heartbeat[],
): Promise<readonly HeartbeatOutcome[]> {
  const clean = beats.map((beat) => ({
    ...beat,
    progress: { percent: beat.progress.percent, message: messageText(beat.progress.message) },
  }));
  return unitOfWork.run('heartbeat-tasks', async (work) => {
    const ends = await work.tasks.heartbeat(clean);
    const lost = clean.filter((_beat, i) => ends[i] === undefined);
    const tasks: ReadonlyMap<string, Task> = lost.length === 0 ? new Map() : await work.tasks.find(lost);
    return clean.map(({ id }, i): HeartbeatOutcome => {
      const leaseExpiresAt = ends[i];
      if (leaseExpiresAt !== undefined) return { held: true, leaseExpiresAt };
      return { held: false, reason: tasks.get(id)?.life.state === 'cancelled' ? 'CANCELLED' : 'FENCE_STALE' };
    });
  });
}
