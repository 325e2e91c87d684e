import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SchedulerError } from './errors.ts';
import { replayTask } from './replay-task.ts';
import { isEnded, type TaskDefinition, type TaskEvent, type TaskLife, type TaskState } from './task.ts';
import { applyEvent, decide, stateAt, type TaskCommand, type TaskDecision } from './task-state.ts';

const T0 = new Date('2027-01-01T00:00:00.000Z');
const DEFINITION: TaskDefinition = {
  type: 'cert.renew',
  priority: 1,
  payload: { n: 1 },
  labels: {},
  scheduleAt: undefined,
  deadlineAt: undefined,
  attemptTimeoutMs: 60_000,
  retry: { maxAttempts: 3, initialBackoffMs: 1_000, maxBackoffMs: 4_000 },
  uniqueKey: undefined,
  schedule: undefined,
  traceparent: undefined,
};
const CREATED: TaskEvent = { sequence: 1, at: T0, attempt: 0, fence: 0n, state: 'pending', definition: DEFINITION };

const later = (ms: number): Date => new Date(T0.getTime() + ms);

function claim(life: TaskLife, at = T0): TaskEvent {
  const { version, attempt, fence } = life;
  return { sequence: version + 1, at, attempt: attempt + 1, fence: fence + 1n, state: 'running', worker: 'w1' };
}

function running(): TaskLife {
  const created = applyEvent(undefined, CREATED);
  return applyEvent(created, claim(created));
}

function decided(
  life: TaskLife,
  command: TaskCommand,
  options: { now?: Date; definition?: TaskDefinition } = {},
): TaskDecision {
  return decide(life, command, { limits: options.definition ?? DEFINITION, now: options.now ?? T0, random: () => 0.5 });
}

function eventOf(decision: TaskDecision): TaskEvent {
  if (decision.kind !== 'event') throw new Error(`no event but ${JSON.stringify(decision)}`);
  return decision.event;
}

const complete = (fence: bigint): TaskCommand => ({ kind: 'complete', fence, result: { ok: true } });
const fail = (fence: bigint, final = false): TaskCommand => ({
  kind: 'fail',
  fence,
  error: { reason: 'BROKEN', message: 'it broke' },
  final,
});

describe('completing', () => {
  test('ends the task under its fence, which stays', () => {
    const event = eventOf(decided(running(), complete(1n), { now: later(5) }));
    expect(event).toMatchObject({
      sequence: 3,
      state: 'completed',
      attempt: 1,
      fence: 1n,
      worker: 'w1',
      result: { ok: true },
    });
    const life = applyEvent(running(), event);
    expect(life).toMatchObject({ state: 'completed', endedFence: 1n, endedAt: later(5), result: { ok: true } });
  });

  test('again under the same fence is a repeat; a failure under it is stale', () => {
    const life = applyEvent(running(), eventOf(decided(running(), complete(1n))));
    expect(decided(life, complete(1n))).toEqual({ kind: 'repeat' });
    expect(decided(life, fail(1n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(decided(life, complete(2n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
  });

  test('under another fence, or of a task that nobody holds, is stale', () => {
    expect(decided(running(), complete(2n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(decided(running(), complete(0n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(decided(applyEvent(undefined, CREATED), complete(0n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
  });
});

describe('failing', () => {
  test('waits by the policy with full jitter, then is dead once the attempts are used up', () => {
    let life = running();
    const waits: number[] = [];
    for (const attempt of [1, 2]) {
      const event = eventOf(decided(life, fail(BigInt(attempt))));
      if (event.state !== 'retrying') throw new Error(event.state);
      waits.push(event.runAt.getTime() - T0.getTime());
      life = applyEvent(life, event);
      expect(life).toMatchObject({ state: 'retrying', endedFence: BigInt(attempt), lastError: { reason: 'BROKEN' } });
      life = applyEvent(life, claim(life));
    }
    expect(waits).toEqual([500, 1_000]);
    const dead = applyEvent(life, eventOf(decided(life, fail(3n))));
    expect(dead).toMatchObject({ state: 'dead', endedFence: 3n, endedAt: T0 });
  });

  test('for good ends the task at once', () => {
    expect(eventOf(decided(running(), fail(1n, true)))).toMatchObject({ state: 'failed', fence: 1n });
  });

  test('again is a repeat, even while the next attempt runs; a completion under the old fence is stale', () => {
    const retrying = applyEvent(running(), eventOf(decided(running(), fail(1n))));
    expect(decided(retrying, fail(1n))).toEqual({ kind: 'repeat' });
    const next = applyEvent(retrying, claim(retrying));
    expect(decided(next, fail(1n))).toEqual({ kind: 'repeat' });
    expect(decided(next, complete(1n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(eventOf(decided(next, complete(2n)))).toMatchObject({ state: 'completed' });
  });
});

describe('cancelling', () => {
  test('moves the fence on, so that the worker has lost', () => {
    const event = eventOf(decided(running(), { kind: 'cancel', message: 'not needed' }));
    expect(event).toMatchObject({
      state: 'cancelled',
      fence: 2n,
      error: { reason: 'CANCELLED', message: 'not needed' },
    });
    const life = applyEvent(running(), event);
    expect(decided(life, complete(1n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(decided(life, { kind: 'cancel', message: 'again' })).toEqual({ kind: 'repeat' });
  });

  test('what has ended otherwise is refused', () => {
    const life = applyEvent(running(), eventOf(decided(running(), complete(1n))));
    expect(decided(life, { kind: 'cancel', message: '' })).toEqual({ kind: 'refused', reason: 'task-ended' });
  });
});

describe('expiring', () => {
  const expire = (leaseExpiresAt: Date | undefined): TaskCommand => ({ kind: 'expire', leaseExpiresAt });

  test('a lease that ran out is taken up again at once, under another fence', () => {
    const event = eventOf(decided(running(), expire(later(30_000)), { now: later(30_400) }));
    expect(event).toMatchObject({
      state: 'retrying',
      fence: 2n,
      error: { reason: 'LEASE_EXPIRED' },
      runAt: later(30_400),
    });
    const life = applyEvent(running(), event);
    expect(life.endedFence).toBeUndefined();
    expect(decided(life, complete(1n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
    expect(decided(life, fail(1n))).toEqual({ kind: 'refused', reason: 'fence-stale' });
  });

  test('an attempt that met its timeout waits by the policy', () => {
    const event = eventOf(decided(running(), expire(later(60_000)), { now: later(60_000) }));
    expect(event).toMatchObject({ state: 'retrying', error: { reason: 'ATTEMPT_TIMEOUT' }, runAt: later(60_500) });
  });

  test('a short lease that ended long ago is no timeout', () => {
    const event = eventOf(decided(running(), expire(later(30_000)), { now: later(90_000) }));
    expect(event).toMatchObject({ error: { reason: 'LEASE_EXPIRED' } });
  });

  test('a deadline that passed is the end, waiting or running', () => {
    const definition = { ...DEFINITION, deadlineAt: later(10_000) };
    for (const life of [applyEvent(undefined, CREATED), running()]) {
      const event = eventOf(decided(life, expire(later(10_000)), { now: later(10_000), definition }));
      expect(event).toMatchObject({ state: 'dead', fence: life.fence + 1n, error: { reason: 'DEADLINE_EXCEEDED' } });
    }
  });

  test('changes nothing before its time', () => {
    expect(decided(running(), expire(later(30_000)), { now: later(29_999) })).toEqual({ kind: 'repeat' });
    expect(decided(applyEvent(undefined, CREATED), expire(undefined), { now: later(1) })).toEqual({ kind: 'repeat' });
  });

  test('the last attempt is the end', () => {
    const definition = { ...DEFINITION, retry: { ...DEFINITION.retry, maxAttempts: 1 } };
    const event = eventOf(decided(running(), expire(later(1)), { now: later(1), definition }));
    expect(event).toMatchObject({ state: 'dead', error: { reason: 'LEASE_EXPIRED' }, fence: 2n });
  });
});

describe('the state to show', () => {
  test('is pending once the time of a waiting task has come', () => {
    expect(stateAt({ state: 'scheduled', runAt: later(1) }, T0)).toBe('scheduled');
    expect(stateAt({ state: 'scheduled', runAt: T0 }, T0)).toBe('pending');
    expect(stateAt({ state: 'retrying', runAt: T0 }, T0)).toBe('pending');
    expect(stateAt({ state: 'running', runAt: T0 }, T0)).toBe('running');
  });
});

describe('the one mutator', () => {
  test('refuses what cannot follow', () => {
    const created = applyEvent(undefined, CREATED);
    const wrong: TaskEvent[] = [
      CREATED,
      { ...claim(created), sequence: 3 },
      { ...claim(created), attempt: 2 },
      { ...claim(created), fence: 0n },
      { sequence: 2, at: T0, attempt: 0, fence: 0n, state: 'completed', worker: 'w1', result: {} },
    ];
    for (const event of wrong) expect(() => applyEvent(created, event)).toThrow(SchedulerError);
    expect(() => applyEvent(undefined, claim(created))).toThrow(/begins with its creation/);
    expect(() => applyEvent(undefined, { ...CREATED, state: 'scheduled' } as TaskEvent)).toThrow(
      /contradicts its time/,
    );
    expect(() => replayTask([])).toThrow(/begins with the creation/);
  });
});

/** Anything that callers, workers and time can do to a task, in any order, with any fence. */
const step = fc.oneof(
  fc.record({ kind: fc.constant('claim' as const) }),
  fc.record({ kind: fc.constant('complete' as const), fence: fc.bigInt(0n, 6n) }),
  fc.record({ kind: fc.constant('fail' as const), fence: fc.bigInt(0n, 6n), final: fc.boolean() }),
  fc.record({ kind: fc.constant('cancel' as const) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
);

describe('whatever happens', () => {
  test('a task ends at most once, its fence only grows, and its events replay to what it is', () => {
    const property = fc.property(
      fc.array(step, { maxLength: 30 }),
      fc.option(fc.integer({ min: 1_000, max: 300_000 })),
      (steps, deadlineMs) => {
        const definition = { ...DEFINITION, deadlineAt: deadlineMs === null ? undefined : later(deadlineMs) };
        const events: TaskEvent[] = [{ ...CREATED, definition } as TaskEvent];
        let life = applyEvent(undefined, { ...CREATED, definition } as TaskEvent);
        let now = T0;
        const seen: TaskState[] = [life.state];
        for (const taken of steps) {
          const before = life;
          let event: TaskEvent | undefined;
          if (taken.kind === 'claim') {
            if (stateAt(life, now) === 'pending') event = claim(life, now);
          } else {
            if (taken.kind === 'wait') now = new Date(now.getTime() + taken.ms);
            const lease = life.startedAt === undefined ? undefined : new Date(life.startedAt.getTime() + 30_000);
            const command: TaskCommand =
              taken.kind === 'wait'
                ? { kind: 'expire', leaseExpiresAt: lease }
                : taken.kind === 'complete'
                  ? complete(taken.fence)
                  : taken.kind === 'fail'
                    ? fail(taken.fence, taken.final)
                    : { kind: 'cancel', message: '' };
            const decision = decided(life, command, { now, definition });
            if (decision.kind === 'event') event = decision.event;
          }
          if (event === undefined) continue;
          events.push(event);
          life = applyEvent(life, event);
          seen.push(life.state);
          expect(isEnded(before.state)).toBe(false);
          expect(life.fence >= before.fence).toBe(true);
          expect(life.attempt).toBeLessThanOrEqual(DEFINITION.retry.maxAttempts);
          expect(life.version).toBe(events.length);
        }
        expect(seen.filter(isEnded).length).toBeLessThanOrEqual(1);
        expect(replayTask(events)).toEqual({ definition, life });
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  test('only the present fence ends an attempt', () => {
    const property = fc.property(fc.array(step, { maxLength: 20 }), fc.bigInt(0n, 9n), (steps, fence) => {
      let life = applyEvent(undefined, CREATED);
      for (const taken of steps) {
        if (taken.kind === 'claim' && stateAt(life, life.runAt) === 'pending') life = applyEvent(life, claim(life));
        if (taken.kind === 'fail') {
          const decision = decided(life, fail(taken.fence, taken.final));
          if (decision.kind === 'event') life = applyEvent(life, decision.event);
        }
      }
      const decision = decided(life, complete(fence));
      expect(decision.kind === 'event').toBe(life.state === 'running' && life.fence === fence);
    });
    fc.assert(property, { numRuns: 300 });
  });
});
