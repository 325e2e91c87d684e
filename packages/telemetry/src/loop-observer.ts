import type { LoopObserver } from '@cert-tasks/lifecycle';
import type { Logger } from './create-logger.ts';
import type { Metrics } from './metrics.ts';

/** Counts and times the iterations of loops, and logs those that fail. One serves all loops of a service. */
export function loopObserver({ log, metrics }: { log: Logger; metrics: Metrics }): LoopObserver {
  const iterations = metrics.counter({
    name: 'certtasks_loop_iterations_total',
    help: 'Iterations of background loops, by what they found: again (more to do), idle or error.',
    labels: ['loop', 'outcome'],
  });
  const seconds = metrics.histogram({
    name: 'certtasks_loop_iteration_seconds',
    help: 'How long an iteration of a background loop took.',
    labels: ['loop'],
  });
  return {
    iteration(loop, outcome, ms) {
      iterations.inc({ loop, outcome });
      seconds.observe({ loop }, ms / 1_000);
    },
    failure(loop, err) {
      log.warn({ loop, err }, `${loop} failed and will try again`);
    },
  };
}
