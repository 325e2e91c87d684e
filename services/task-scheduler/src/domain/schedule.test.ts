import fc from 'fast-check';
import { expect, test } from 'vitest';
import { occurrenceAfter, planOccurrence, type Schedule, sameContent } from './schedule.ts';

const SCHEDULE: Schedule = {
  project: 'system',
  id: 'cert-renewals',
  uid: '01900000-0000-7000-8000-000000000000',
  intervalMs: 60_000,
  taskType: 'cert.renew-due',
  taskPayload: { a: 1, b: [1, { c: null }] },
  nextAt: new Date(120_000),
  lastAt: undefined,
  lastTask: undefined,
  createdAt: new Date(90_000),
  version: 1,
};

test('occurrences lie at whole multiples of the interval since 1970, after the time', () => {
  expect(occurrenceAfter(60_000, new Date(90_000))).toEqual(new Date(120_000));
  expect(occurrenceAfter(60_000, new Date(120_000))).toEqual(new Date(180_000));
});

test('nothing is planned before its time', () => {
  expect(planOccurrence(SCHEDULE, new Date(119_999))).toBeUndefined();
});

test('a missed stretch is made up for once, by its latest occurrence', () => {
  expect(planOccurrence(SCHEDULE, new Date(120_000))).toEqual({
    plannedAt: new Date(120_000),
    nextAt: new Date(180_000),
  });
  expect(planOccurrence(SCHEDULE, new Date(86_400_001))).toEqual({
    plannedAt: new Date(86_400_000),
    nextAt: new Date(86_460_000),
  });
});

test('two planners at whatever times plan the same occurrence or different ones, never overlapping ones', () => {
  const property = fc.property(
    fc.integer({ min: 1_000, max: 366 * 86_400_000 }),
    fc.integer({ min: 0, max: 2 ** 42 }),
    fc.integer({ min: 0, max: 10_000_000 }),
    (intervalMs, at, gap) => {
      const schedule = { ...SCHEDULE, intervalMs, nextAt: new Date(0) };
      const first = planOccurrence(schedule, new Date(at));
      const second = planOccurrence(schedule, new Date(at + gap));
      if (first === undefined || second === undefined) throw new Error('both are due');
      const apart = second.plannedAt.getTime() - first.plannedAt.getTime();
      expect(apart % intervalMs).toBe(0);
      expect(apart).toBeGreaterThanOrEqual(0);
      expect(first.plannedAt.getTime() % intervalMs).toBe(0);
      expect(first.plannedAt.getTime()).toBeLessThanOrEqual(at);
      expect(first.nextAt.getTime()).toBeGreaterThan(at);
    },
  );
  fc.assert(property);
});

test('the same content is the same whatever the order of its keys', () => {
  expect(sameContent(SCHEDULE, { ...SCHEDULE, taskPayload: { b: [1, { c: null }], a: 1 } })).toBe(true);
  for (const taskPayload of [
    { a: 1 },
    { a: 1, b: [1, { c: 0 }] },
    { a: 1, b: [1] },
    { a: 1, b: { 0: 1 } },
    { a: 1, c: 2 },
  ]) {
    expect(sameContent(SCHEDULE, { ...SCHEDULE, taskPayload })).toBe(false);
  }
  expect(sameContent(SCHEDULE, { ...SCHEDULE, intervalMs: 1_000 })).toBe(false);
  expect(sameContent(SCHEDULE, { ...SCHEDULE, taskType: 'other' })).toBe(false);
});
