import type { Metrics } from '@cert-tasks/telemetry';
import type { TaskObserver } from '../../application/ports/task-observer.ts';
import type { ClaimedTask, TaskCounts } from '../../application/ports/task-store.ts';
import type { TaskEvent } from '../../domain/task.ts';
import { SCHEDULER_REASONS } from '../../domain/task-state.ts';

/** From a claim right after the commit to a backlog of an hour, in seconds. */
const WAIT_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3_600];

const EXPIRIES: readonly string[] = [
  SCHEDULER_REASONS.leaseExpired,
  SCHEDULER_REASONS.attemptTimeout,
  SCHEDULER_REASONS.deadlineExceeded,
];

/** What the scheduler tells Prometheus. No label holds what a caller chose. */
export class TaskMetrics implements TaskObserver {
  readonly #transitions;
  readonly #expiries;
  readonly #waits;
  readonly #tasks;
  readonly #longestDue;

  constructor(metrics: Metrics, waitingWorkers: () => number) {
    metrics.gauge({
      name: 'certtasks_task_waiting_workers',
      help: 'Calls of workers that wait for tasks here.',
      collect: (gauge) => gauge.set(waitingWorkers()),
    });
    this.#transitions = metrics.counter({
      name: 'certtasks_task_transitions_total',
      help: 'Transitions of tasks, by the state that they came to.',
      labels: ['state'],
    });
    this.#expiries = metrics.counter({
      name: 'certtasks_task_expiries_total',
      help: 'Leases, attempts and tasks that time has ended, by reason.',
      labels: ['reason'],
    });
    this.#waits = metrics.histogram({
      name: 'certtasks_task_claim_wait_seconds',
      help: 'From the time that a task could be taken to the time that it was.',
      buckets: WAIT_BUCKETS,
    });
    this.#tasks = metrics.gauge({
      name: 'certtasks_tasks',
      help: 'Tasks that have not ended, by state; pending ones are ready to be taken. Sampled.',
      labels: ['state'],
    });
    this.#longestDue = metrics.gauge({
      name: 'certtasks_task_longest_due_seconds',
      help: 'How long the longest due task has waited. Sampled.',
    });
  }

  changed(events: readonly TaskEvent[]): void {
    for (const event of events) {
      this.#transitions.inc({ state: event.state });
      // A worker may choose such a reason too; the scheduler's own move the fence on, but a count need not be proof.
      if ('error' in event && EXPIRIES.includes(event.error.reason)) this.#expiries.inc({ reason: event.error.reason });
    }
  }

  claimed(tasks: readonly ClaimedTask[]): void {
    this.changed(tasks.map(({ event }) => event));
    for (const { waitedMs } of tasks) this.#waits.observe(waitedMs / 1_000);
  }

  sampled({ states, longestDueMs }: TaskCounts): void {
    for (const [state, count] of Object.entries(states)) this.#tasks.set({ state }, count);
    this.#longestDue.set(longestDueMs / 1_000);
  }
}
