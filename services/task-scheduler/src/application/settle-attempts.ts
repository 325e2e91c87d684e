import { failpoint } from '@cert-tasks/failpoint';
import { type CoalescedResult, Coalescer } from '@cert-tasks/kernel';
import { SchedulerError, taskNotFound } from '../domain/errors.ts';
import type { Task, TaskRef } from '../domain/task.ts';
import { decide, type TaskCommand } from '../domain/task-state.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { UnitOfWork, Work } from './ports/unit-of-work.ts';
import type { ReadyAnnouncer } from './ready-announcer.ts';
import { auditEntries, stepsOf, transitionTasks } from './transition-tasks.ts';

/** A worker's last word on an attempt. */
export interface Settlement extends TaskRef {
  readonly command: Extract<TaskCommand, { readonly kind: 'complete' | 'fail' }>;
  readonly origin: Origin;
}

/** What {@link SettleAttempts} works with. */
export interface SettleAttemptsDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly announcer: ReadyAnnouncer;
  readonly observer: TaskObserver;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
  /** Most calls that share one transaction. */
  readonly maxBatch: number;
  /** Most calls that wait for a transaction; further ones are refused as overload. */
  readonly maxQueued: number;
}

type Outcome = CoalescedResult<Task>;

/** Takes the ends of attempts from workers; calls that come together share a transaction. */
export class SettleAttempts {
  readonly #deps: SettleAttemptsDependencies;
  readonly #coalescer: Coalescer<Settlement, Task>;

  constructor(deps: SettleAttemptsDependencies) {
    this.#deps = deps;
    this.#coalescer = new Coalescer<Settlement, Task>({
      name: 'settle-attempt',
      maxBatch: deps.maxBatch,
      maxQueued: deps.maxQueued,
      maxInFlight: 2,
      run: (settlements) => this.#settleAll(settlements),
    });
  }

  /**
   * The task after its attempt ended; the same word under the same fence again is answered as the first time.
   *
   * @throws SchedulerError `task-not-found`, `fence-stale`; CoalescerError.
   */
  settle(settlement: Settlement): Promise<Task> {
    return this.#coalescer.submit(settlement);
  }

  async #settleAll(settlements: readonly Settlement[]): Promise<Outcome[]> {
    const outcomes = new Map<Settlement, Outcome>();
    // Two words on one task are decided one after the other: the second sees what the first did.
    for (let open = settlements; open.length > 0; ) {
      const { round, later } = splitTwins(open);
      for (const [settlement, outcome] of await this.#settleRound(round)) outcomes.set(settlement, outcome);
      open = later;
    }
    return settlements.map((settlement) => outcomes.get(settlement) ?? notFound(settlement));
  }

  async #settleRound(round: readonly Settlement[]): Promise<ReadonlyMap<Settlement, Outcome>> {
    const { unitOfWork, random, observer, announcer } = this.#deps;
    const { outcomes, steps, now } = await unitOfWork.run('settle-attempts', (work) =>
      settleInOne(work, round, random),
    );
    failpoint('task.complete.after-commit');
    observer.changed(steps.map(({ event }) => event));
    // A failed attempt whose wait came out as nothing can be taken again at once.
    announcer.announce(
      [...outcomes.values()].flatMap((outcome) => (outcome.ok ? [outcome.value] : [])),
      now,
    );
    return outcomes;
  }
}

async function settleInOne(work: Work, round: readonly Settlement[], random: () => number) {
  const outcomes = new Map<Settlement, Outcome>();
  // 1. Lock: from here on nobody else moves these tasks.
  const locked = await work.tasks.lock(round);
  const live = round.flatMap((settlement) => {
    const task = locked.get(settlement.id);
    return task === undefined ? [] : [{ ...settlement, settlement, task }];
  });
  // 2. Decide and write; a stale fence writes nothing.
  const transitioned = await transitionTasks(work, live, random);
  for (const [i, { settlement }] of live.entries()) {
    const { decision, task } = transitioned[i] ?? {};
    if (task !== undefined)
      outcomes.set(settlement, decision?.kind === 'refused' ? stale(settlement) : { ok: true, value: task });
  }
  // 3. What is not live has ended, by this very word perhaps, or is not of this project. Nothing leads out of an ended
  //    state, so that only repeats are taken.
  const open = round.filter((settlement) => !outcomes.has(settlement));
  const ended = open.length === 0 ? new Map<string, Task>() : await work.tasks.find(open);
  for (const settlement of open) {
    const task = ended.get(settlement.id);
    if (task === undefined) outcomes.set(settlement, notFound(settlement));
    else {
      const decision = decide(task.life, settlement.command, { limits: task.definition, now: work.now, random });
      outcomes.set(settlement, decision.kind === 'repeat' ? { ok: true, value: task } : stale(settlement));
    }
  }
  // 4. The audit events, last.
  const steps = stepsOf(transitioned);
  await work.audit.append(auditEntries(steps));
  failpoint('task.complete.before-commit');
  return { outcomes, steps, now: work.now };
}

function splitTwins(settlements: readonly Settlement[]) {
  const seen = new Set<string>();
  const round: Settlement[] = [];
  const later: Settlement[] = [];
  for (const settlement of settlements) {
    (seen.has(settlement.id) ? later : round).push(settlement);
    seen.add(settlement.id);
  }
  return { round, later };
}

function stale({ command }: Settlement): Outcome {
  const message = `The lease with fence ${command.fence} has passed on or the task has ended: stop working on it. Nothing was changed.`;
  return { ok: false, error: new SchedulerError('fence-stale', message, { field: 'fence' }) };
}

function notFound({ project, id }: TaskRef): Outcome {
  return { ok: false, error: taskNotFound({ project, id }) };
}
