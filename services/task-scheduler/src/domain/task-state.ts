import { assertNever, backoffDelay } from '@cert-tasks/kernel';
import { SchedulerError } from './errors.ts';
import type { JsonObject } from './json-value.ts';
import { isEnded, type TaskEvent, type TaskFailure, type TaskLife, type TaskLimits, type TaskState } from './task.ts';

/*
 * The life of a task (docs/adr/0004).
 *
 *     scheduled → pending → running → completed
 *                    ↑         ├→ retrying → pending
 *                    └─────────┘├→ failed
 *                               └→ dead
 *     scheduled, pending, running, retrying → cancelled; scheduled, pending, retrying → dead (its deadline passed)
 *
 * scheduled   Its schedule time has not come.
 * pending     It waits for a worker.
 * running     A worker holds it by a lease, under the fence that the claim gave it. Heartbeats hold the lease on, never
 *             past the attempt's timeout or the deadline.
 * retrying    An attempt failed, or its lease ran out; the next one waits for `runAt`.
 * completed   A worker's result was taken.
 * failed      A worker said that no retry can help.
 * dead        Its attempts or its deadline are used up.
 * cancelled   Somebody cancelled it.
 *
 * scheduled → pending and retrying → pending are reached by time alone and make no event: a waiting task whose `runAt`
 * has come is claimable, whichever of the three states its row shows, and is shown as pending (`stateAt`).
 *
 * The fence grows with each claim, and once more whenever a lease is taken from a worker that may still be at work: on
 * expiry and on cancelling. Completing and failing keep it, and remember it as `endedFence`.
 *
 * `decide` says what a command leads to, and changes nothing. `applyEvent` is the one mutator: whatever happens to a
 * task is an event, and its row is the sum of its events. The claim is decided where the rows are chosen, in the
 * store's one statement; its event is applied like every other.
 */

/** What may happen to a task that exists, beside the claim. */
export type TaskCommand =
  /** The worker that holds it under the fence has done it. */
  | { readonly kind: 'complete'; readonly fence: bigint; readonly result: JsonObject }
  /** The worker that holds it under the fence could not do it; `final`: no retry can help. */
  | { readonly kind: 'fail'; readonly fence: bigint; readonly error: TaskFailure; readonly final: boolean }
  /** Somebody wants it no more. */
  | { readonly kind: 'cancel'; readonly message: string }
  /** Time has passed: `leaseExpiresAt` is the lease's end where a worker holds it. */
  | { readonly kind: 'expire'; readonly leaseExpiresAt: Date | undefined };

/** What a command leads to. */
export type TaskDecision =
  /** The task goes on to the event's state. */
  | { readonly kind: 'event'; readonly event: TaskEvent }
  /** The same was said before and taken: the answer is the task as it stands. */
  | { readonly kind: 'repeat' }
  /** Nothing changes, and the caller is told why. */
  | { readonly kind: 'refused'; readonly reason: 'fence-stale' | 'task-ended' };

/** What a decision is made with. */
export interface DecisionContext {
  readonly limits: TaskLimits;
  /** The database's time, in whole milliseconds. */
  readonly now: Date;
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number;
}

/** Reasons that the scheduler itself gives. */
export const SCHEDULER_REASONS = {
  leaseExpired: 'LEASE_EXPIRED',
  attemptTimeout: 'ATTEMPT_TIMEOUT',
  deadlineExceeded: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
} as const;

const FOLLOWS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  scheduled: ['running', 'cancelled', 'dead'],
  pending: ['running', 'cancelled', 'dead'],
  running: ['completed', 'retrying', 'failed', 'dead', 'cancelled'],
  retrying: ['running', 'cancelled', 'dead'],
  completed: [],
  failed: [],
  cancelled: [],
  dead: [],
};

/** The state to show at a time: waiting tasks become pending when their time has come, without an event. */
export function stateAt(life: Pick<TaskLife, 'state' | 'runAt'>, now: Date): TaskState {
  const waits = life.state === 'scheduled' || life.state === 'retrying';
  return waits && life.runAt <= now ? 'pending' : life.state;
}

/** What the command leads to. Pure; every guard of the state machine is here or in the store's claim. */
export function decide(life: TaskLife, command: TaskCommand, context: DecisionContext): TaskDecision {
  switch (command.kind) {
    case 'complete':
      if (!heldUnder(life, command.fence)) return repeatOrStale(life, command);
      return event(life, { state: 'completed', worker: life.worker, result: command.result, ...same(life, context) });
    case 'fail':
      if (!heldUnder(life, command.fence)) return repeatOrStale(life, command);
      if (command.final) {
        return event(life, { state: 'failed', worker: life.worker, error: command.error, ...same(life, context) });
      }
      return endAttempt(life, { ...same(life, context), error: command.error, context, backsOff: true });
    case 'cancel':
      return cancel(life, command.message, context);
    case 'expire':
      return expire(life, command.leaseExpiresAt, context);
    default:
      return assertNever(command);
  }
}

/**
 * The one mutator: the task after an event.
 *
 * @throws SchedulerError `broken-history` where the event cannot follow: wrong sequence, state, attempt or fence.
 */
export function applyEvent(life: TaskLife | undefined, event: TaskEvent): TaskLife {
  if (event.state === 'scheduled' || event.state === 'pending') {
    if (life !== undefined || event.sequence !== 1) throw brokenHistory(event, 'a task is created once');
    return created(event);
  }
  if (life === undefined) throw brokenHistory(event, 'a task begins with its creation');
  checkFollows(life, event);
  const next: TaskLife = {
    ...life,
    state: event.state,
    fence: event.fence,
    version: event.sequence,
    endedAt: isEnded(event.state) ? event.at : undefined,
  };
  switch (event.state) {
    case 'running':
      return { ...next, attempt: event.attempt, worker: event.worker, startedAt: event.at };
    case 'completed':
      return { ...next, result: event.result, endedFence: event.fence };
    case 'retrying':
      return { ...next, runAt: event.runAt, lastError: event.error, endedFence: endedFence(life, event) };
    case 'failed':
    case 'dead':
      return { ...next, lastError: event.error, endedFence: endedFence(life, event) };
    case 'cancelled':
      return next;
    default:
      return assertNever(event);
  }
}

function created(event: TaskEvent & { readonly state: 'scheduled' | 'pending' }): TaskLife {
  const { scheduleAt } = event.definition;
  const runAt = scheduleAt !== undefined && scheduleAt > event.at ? scheduleAt : event.at;
  if (event.state !== (runAt > event.at ? 'scheduled' : 'pending'))
    throw brokenHistory(event, 'it contradicts its time');
  return {
    state: event.state,
    runAt,
    attempt: 0,
    fence: 0n,
    endedFence: undefined,
    worker: undefined,
    lastError: undefined,
    result: undefined,
    version: 1,
    createdAt: event.at,
    startedAt: undefined,
    endedAt: undefined,
  };
}

function checkFollows(life: TaskLife, event: TaskEvent): void {
  if (event.sequence !== life.version + 1) throw brokenHistory(event, `event ${life.version + 1} is missing`);
  if (!FOLLOWS[life.state].includes(event.state)) throw brokenHistory(event, `${life.state} does not lead there`);
  const claimed = event.state === 'running';
  if (event.attempt !== life.attempt + (claimed ? 1 : 0)) throw brokenHistory(event, 'its attempt is out of order');
  // A worker's own end of an attempt keeps the fence; a claim and whatever takes the lease away move it on.
  const keeps = event.state === 'completed' || event.state === 'failed';
  const either = life.state === 'running' && (event.state === 'retrying' || event.state === 'dead');
  const step = event.fence - life.fence;
  if (step !== (keeps ? 0n : 1n) && !(either && step === 0n)) throw brokenHistory(event, 'its fence is out of order');
}

/** The fence stays exactly when the worker itself ended the attempt. */
function endedFence(life: TaskLife, event: TaskEvent): bigint | undefined {
  return event.fence === life.fence ? event.fence : life.endedFence;
}

function heldUnder(life: TaskLife, fence: bigint): boolean {
  return life.state === 'running' && life.fence === fence;
}

/** Completing ends the task, so that a task which shows anything else was last ended, if at all, by a failure. */
function repeatOrStale(
  life: TaskLife,
  command: { readonly kind: 'complete' | 'fail'; readonly fence: bigint },
): TaskDecision {
  const endedBy = life.state === 'completed' ? 'complete' : 'fail';
  if (life.endedFence === command.fence && endedBy === command.kind) return { kind: 'repeat' };
  return { kind: 'refused', reason: 'fence-stale' };
}

function cancel(life: TaskLife, message: string, context: DecisionContext): TaskDecision {
  if (life.state === 'cancelled') return { kind: 'repeat' };
  if (isEnded(life.state)) return { kind: 'refused', reason: 'task-ended' };
  const error = { reason: SCHEDULER_REASONS.cancelled, message };
  return event(life, { state: 'cancelled', worker: life.worker, error, ...takenAway(life, context) });
}

function expire(life: TaskLife, leaseExpiresAt: Date | undefined, context: DecisionContext): TaskDecision {
  const { limits, now } = context;
  if (isEnded(life.state)) return { kind: 'repeat' };
  if (limits.deadlineAt !== undefined && limits.deadlineAt <= now) {
    const error = {
      reason: SCHEDULER_REASONS.deadlineExceeded,
      message: 'The deadline passed before the task was done.',
    };
    return event(life, { state: 'dead', worker: life.worker, error, ...takenAway(life, context) });
  }
  if (life.state !== 'running' || leaseExpiresAt === undefined || leaseExpiresAt > now) return { kind: 'repeat' };
  // A lease is cut to the attempt's timeout; one that ended before it ended for want of heartbeats, however late it is
  // noticed.
  const leaseLastedMs = leaseExpiresAt.getTime() - (life.startedAt ?? now).getTime();
  const timedOut = leaseLastedMs >= limits.attemptTimeoutMs;
  const error = timedOut
    ? {
        reason: SCHEDULER_REASONS.attemptTimeout,
        message: `The attempt ran longer than ${limits.attemptTimeoutMs} ms.`,
      }
    : { reason: SCHEDULER_REASONS.leaseExpired, message: 'The worker gave no sign of life while its lease lasted.' };
  // A worker that died says nothing about the task: it is taken up again at once. One that ran too long does.
  return endAttempt(life, { ...takenAway(life, context), error, context, backsOff: timedOut });
}

interface AttemptEnd {
  readonly at: Date;
  readonly attempt: number;
  readonly fence: bigint;
  readonly error: TaskFailure;
  readonly context: DecisionContext;
  readonly backsOff: boolean;
}

function endAttempt(life: TaskLife, { at, attempt, fence, error, context, backsOff }: AttemptEnd): TaskDecision {
  const { retry } = context.limits;
  if (attempt >= retry.maxAttempts)
    return event(life, { state: 'dead', worker: life.worker, error, at, attempt, fence });
  const waitMs = backsOff
    ? backoffDelay({ attempt, baseMs: retry.initialBackoffMs, maxMs: retry.maxBackoffMs, random: context.random })
    : 0;
  const runAt = new Date(at.getTime() + waitMs);
  return event(life, { state: 'retrying', worker: life.worker, error, runAt, at, attempt, fence });
}

function same(life: TaskLife, { now }: DecisionContext): { at: Date; attempt: number; fence: bigint } {
  return { at: now, attempt: life.attempt, fence: life.fence };
}

function takenAway(life: TaskLife, { now }: DecisionContext): { at: Date; attempt: number; fence: bigint } {
  return { at: now, attempt: life.attempt, fence: life.fence + 1n };
}

type Unnumbered<E> = E extends TaskEvent ? Omit<E, 'sequence'> : never;

function event(life: TaskLife, content: Unnumbered<TaskEvent>): TaskDecision {
  return { kind: 'event', event: { ...content, sequence: life.version + 1 } };
}

function brokenHistory(event: TaskEvent, why: string): SchedulerError {
  return new SchedulerError(
    'broken-history',
    `Event ${event.sequence} (${event.state}) cannot follow: ${why}. Compare the task's history with a backup.`,
  );
}
