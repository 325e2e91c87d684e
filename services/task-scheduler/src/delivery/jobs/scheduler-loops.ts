import { Loop, type LoopObserver, type Service } from '@cert-tasks/lifecycle';
import { type ExpireTasksDependencies, expireTasks } from '../../application/expire-tasks.ts';
import { type PlanOccurrencesDependencies, planOccurrences } from '../../application/plan-occurrences.ts';
import type { Origin } from '../../application/ports/audit-trail.ts';
import type { TaskObserver } from '../../application/ports/task-observer.ts';
import type { TaskReader } from '../../application/ports/task-store.ts';

/** What the loops run on. Intervals are in milliseconds. */
export interface SchedulerLoopsOptions {
  readonly expire: ExpireTasksDependencies;
  readonly plan: PlanOccurrencesDependencies;
  readonly reader: TaskReader;
  readonly taskObserver: TaskObserver;
  readonly observer: LoopObserver;
  readonly expireIntervalMs: number;
  readonly planIntervalMs: number;
  readonly sampleIntervalMs: number;
}

/**
 * After a failure these try again within a second: a task of a crashed worker is not to wait for a long pause to
 * pass.
 */
const BACKOFF = { baseMs: 100, maxMs: 1_000 };

/**
 * What the scheduler does by itself. Every replica runs all of it: rows that one holds are passed over by the others.
 */
export function schedulerLoops(options: SchedulerLoopsOptions): readonly Service[] {
  const { expire, plan, reader, taskObserver, observer } = options;
  return [
    new Loop({
      name: 'task-expire',
      intervalMs: options.expireIntervalMs,
      backoff: BACKOFF,
      observer,
      run: async () => ((await expireTasks(expire, originOfLoop('expire-tasks'))) ? 'again' : 'idle'),
    }),
    new Loop({
      name: 'task-plan',
      intervalMs: options.planIntervalMs,
      backoff: BACKOFF,
      observer,
      run: async () => ((await planOccurrences(plan, originOfLoop('plan-occurrences'))) ? 'again' : 'idle'),
    }),
    new Loop({
      name: 'task-sample',
      intervalMs: options.sampleIntervalMs,
      observer,
      run: async () => {
        taskObserver.sampled(await reader.count());
        return 'idle';
      },
    }),
  ];
}

function originOfLoop(name: string): Origin {
  return { actor: { kind: 'service', id: 'task-scheduler', roles: [] }, action: `task-scheduler/${name}` };
}
