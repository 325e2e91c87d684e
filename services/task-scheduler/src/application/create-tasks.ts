import { failpoint } from '@cert-tasks/failpoint';
import {
  AppError,
  type Clock,
  type CoalescedResult,
  Coalescer,
  formatResourceName,
  newId,
  parseResourceName,
  type RandomBytes,
} from '@cert-tasks/kernel';
import { defineTask, type TaskRequest } from '../domain/define-task.ts';
import { SchedulerError } from '../domain/errors.ts';
import type { Task, TaskDefinition, TaskEvent } from '../domain/task.ts';
import { applyEvent } from '../domain/task-state.ts';
import type { Origin } from './ports/audit-trail.ts';
import type { RequestIdentity } from './ports/request-register.ts';
import type { TaskObserver } from './ports/task-observer.ts';
import type { NewTask } from './ports/task-store.ts';
import type { UnitOfWork, Work } from './ports/unit-of-work.ts';
import type { ReadyAnnouncer } from './ready-announcer.ts';
import { auditEntries } from './transition-tasks.ts';

const TASK_NAME = 'projects/{project}/tasks/{task}';

/** A call to create a task. */
export interface CreateTaskCall {
  readonly project: string;
  readonly request: TaskRequest;
  /** Undefined: the call is not safe to repeat. */
  readonly identity: RequestIdentity | undefined;
  readonly origin: Origin;
}

/** What {@link CreateTasks} works with. */
export interface CreateTasksDependencies {
  readonly unitOfWork: UnitOfWork;
  readonly announcer: ReadyAnnouncer;
  readonly observer: TaskObserver;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Most calls that share one transaction. */
  readonly maxBatch: number;
  /** Most calls that wait for a transaction; further ones are refused as overload. */
  readonly maxQueued: number;
}

interface Draft {
  readonly call: CreateTaskCall;
  readonly id: string;
  readonly definition: TaskDefinition;
}

type Outcome = CoalescedResult<Task>;

/** Rolls a batch back because some of it is refused: refusals are not remembered, and the rest goes on without them. */
class BatchRefused extends Error {
  readonly refusals: ReadonlyMap<Draft, Error>;

  constructor(refusals: ReadonlyMap<Draft, Error>) {
    super('Part of the batch is refused.');
    this.refusals = refusals;
  }
}

/** Creates tasks; calls that come together share a transaction, and none suffers from another. */
export class CreateTasks {
  readonly #deps: CreateTasksDependencies;
  readonly #coalescer: Coalescer<Draft, Task>;

  constructor(deps: CreateTasksDependencies) {
    this.#deps = deps;
    this.#coalescer = new Coalescer<Draft, Task>({
      name: 'create-task',
      maxBatch: deps.maxBatch,
      maxQueued: deps.maxQueued,
      maxInFlight: 2,
      run: (drafts) => this.#createAll(drafts),
    });
  }

  /**
   * The task created, or the one that the same request made before.
   *
   * @throws SchedulerError `invalid-argument`, `unique-key-taken`; AppError `request-id-reused`,
   * `request-in-progress`; CoalescerError.
   */
  async create(call: CreateTaskCall): Promise<Task> {
    const { clock } = this.#deps;
    const definition = defineTask(call.request, clock.now());
    return this.#coalescer.submit({ call, definition, id: newId(this.#deps) });
  }

  async #createAll(drafts: readonly Draft[]): Promise<Outcome[]> {
    const outcomes = new Map<Draft, Outcome>();
    let open: readonly Draft[] = drafts;
    while (open.length > 0) {
      const { round, later } = splitTwins(open);
      for (const [draft, outcome] of await this.#createRound(round)) outcomes.set(draft, outcome);
      open = [...round.filter((draft) => !outcomes.has(draft)), ...later];
    }
    // Every draft has its outcome by now: the loop ends on nothing else.
    return drafts.map(
      (draft) => outcomes.get(draft) ?? { ok: false, error: new Error('A call was left without an answer.') },
    );
  }

  /** One transaction. @returns what is settled; what is not is to be tried again without the refused. */
  async #createRound(round: readonly Draft[]): Promise<ReadonlyMap<Draft, Outcome>> {
    try {
      const { made, replayed, now } = await this.#deps.unitOfWork.run('create-tasks', (work) =>
        createInOne(work, round),
      );
      failpoint('task.create.after-commit');
      this.#deps.observer.changed([...made.values()].map(({ event }) => event));
      const tasks = new Map([...made].map(([draft, task]) => [draft, asTask(task)]));
      this.#deps.announcer.announce([...tasks.values()], now);
      return new Map([...tasks, ...replayed].map(([draft, value]) => [draft, { ok: true, value }]));
    } catch (error) {
      if (error instanceof BatchRefused) {
        return new Map([...error.refusals].map(([draft, refusal]) => [draft, { ok: false, error: refusal }]));
      }
      // One call that waits for its twin on another replica holds its whole batch up: each goes on by itself.
      if (error instanceof AppError && error.code === 'request-in-progress' && round.length > 1) {
        const alone = await Promise.all(round.map((draft) => this.#createRound([draft])));
        return new Map(alone.flatMap((outcome) => [...outcome]));
      }
      return new Map(round.map((draft) => [draft, { ok: false, error }]));
    }
  }
}

/**
 * Calls of one request, or with one unique key, cannot be told apart within a transaction: the first goes now, the
 * others after it.
 */
function splitTwins(drafts: readonly Draft[]): { readonly round: readonly Draft[]; readonly later: readonly Draft[] } {
  const seen = new Set<string>();
  const round: Draft[] = [];
  const later: Draft[] = [];
  for (const draft of drafts) {
    const { identity, project } = draft.call;
    const { type, uniqueKey } = draft.definition;
    const marks = [
      ...(identity === undefined ? [] : [`request ${Buffer.from(identity.key).toString('hex')}`]),
      ...(uniqueKey === undefined ? [] : [`key ${project} ${type} ${uniqueKey}`]),
    ];
    if (marks.some((mark) => seen.has(mark))) later.push(draft);
    else {
      for (const mark of marks) seen.add(mark);
      round.push(draft);
    }
  }
  return { round, later };
}

interface Created {
  readonly now: Date;
  readonly made: ReadonlyMap<Draft, NewTask>;
  readonly replayed: ReadonlyMap<Draft, Task>;
}

async function createInOne(work: Work, round: readonly Draft[]): Promise<Created> {
  // 1. The requests first: a repeat is answered with its task, even where that task holds the unique key.
  const { fresh, repeats, refusals } = await claimRequests(work, round);
  // 2. The unique keys, all at once, so that every refusal of this batch is known at once.
  for (const [draft, refusal] of await reserveKeys(work, fresh)) refusals.set(draft, refusal);
  if (refusals.size > 0) throw new BatchRefused(refusals);
  // 3. The tasks with their first events.
  const made = new Map(fresh.map((draft) => [draft, newTask(draft, work.now)]));
  await work.tasks.insert([...made.values()]);
  // 4. What the repeats made when they were new.
  const replayed = await readRepeats(work, repeats);
  // 5. The audit events, last: the outbox orders by the end of transactions.
  const steps = [...made].map(([draft, task]) => ({ task, event: task.event, origin: draft.call.origin }));
  await work.audit.append(auditEntries(steps));
  return { made, replayed, now: work.now };
}

async function claimRequests(work: Work, round: readonly Draft[]) {
  const named = round.flatMap((draft) => {
    const { identity, project } = draft.call;
    if (identity === undefined) return [];
    return [{ draft, identity, resource: formatResourceName(TASK_NAME, { project, task: draft.id }) }];
  });
  const fresh = round.filter(({ call }) => call.identity === undefined);
  const repeats = new Map<Draft, string>();
  const refusals = new Map<Draft, Error>();
  const claims = await work.requests.claim(named);
  for (const [i, { draft }] of named.entries()) {
    const claim = claims[i];
    if (claim?.outcome === 'claimed') fresh.push(draft);
    else if (claim?.outcome === 'replay') repeats.set(draft, claim.resource);
    else if (claim?.outcome === 'refused') refusals.set(draft, claim.error);
  }
  return { fresh, repeats, refusals };
}

async function reserveKeys(work: Work, drafts: readonly Draft[]): Promise<ReadonlyMap<Draft, Error>> {
  const claims = drafts.flatMap(({ call, id, definition: { type, uniqueKey } }) =>
    uniqueKey === undefined ? [] : [{ project: call.project, id, type, uniqueKey }],
  );
  const holders = await work.tasks.reserveUniqueKeys(claims);
  const refused = drafts.filter(({ id }) => holders.has(id));
  return new Map(refused.map((draft) => [draft, keyTaken(draft, holders.get(draft.id) ?? '')]));
}

async function readRepeats(work: Work, repeats: ReadonlyMap<Draft, string>): Promise<ReadonlyMap<Draft, Task>> {
  const ids = new Map([...repeats].map(([draft, name]) => [draft, parseResourceName(name, TASK_NAME)?.task ?? '']));
  const refs = [...ids].map(([draft, id]) => ({ project: draft.call.project, id }));
  const tasks = await work.tasks.find(refs);
  const found = new Map<Draft, Task>();
  for (const [draft, id] of ids) {
    const task = tasks.get(id);
    // A request's row is written with its task and outlived by it.
    if (task === undefined) throw new SchedulerError('broken-history', `The request made ${id}, which is not there.`);
    found.set(draft, task);
  }
  return found;
}

function newTask({ call, id, definition }: Draft, now: Date): NewTask {
  const event = creationEvent(definition, now);
  return { project: call.project, id, definition, event, life: applyEvent(undefined, event) };
}

/** The event that creates a task at a time. */
export function creationEvent(definition: TaskDefinition, now: Date): TaskEvent {
  const later = definition.scheduleAt !== undefined && definition.scheduleAt > now;
  return { sequence: 1, at: now, attempt: 0, fence: 0n, state: later ? 'scheduled' : 'pending', definition };
}

/** A task as it is right after its creation. */
export function asTask({ project, id, definition, life }: NewTask): Task {
  return { project, id, definition, life, progress: { percent: 0, message: '' } };
}

function keyTaken({ call, definition }: Draft, holder: string): SchedulerError {
  const task = formatResourceName(TASK_NAME, { project: call.project, task: holder });
  return new SchedulerError(
    'unique-key-taken',
    `The task ${task} holds this unique key. Wait for its end or cancel it.`,
    {
      field: 'unique_key',
      metadata: { task, type: definition.type },
    },
  );
}
