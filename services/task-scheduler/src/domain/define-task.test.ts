import { describe, expect, test } from 'vitest';
import { defineTask, MAX_SCHEDULE_AHEAD_MS, type TaskRequest } from './define-task.ts';

const NOW = new Date('2027-01-01T00:00:00.000Z');
const REQUEST: TaskRequest = {
  type: 'noop',
  priority: 1,
  payload: {},
  labels: {},
  scheduleTime: undefined,
  deadlineTime: undefined,
  attemptTimeoutMs: undefined,
  retryPolicy: {},
  uniqueKey: '',
  traceparent: undefined,
};
const later = (ms: number): Date => new Date(NOW.getTime() + ms);
const define = (fields: Partial<TaskRequest>) => defineTask({ ...REQUEST, ...fields }, NOW);

function nested(depth: number): TaskRequest['payload'] {
  return depth === 0 ? {} : { a: nested(depth - 1) };
}

test('what is not given takes the documented default', () => {
  expect(define({})).toEqual({
    type: 'noop',
    priority: 1,
    payload: {},
    labels: {},
    scheduleAt: undefined,
    deadlineAt: undefined,
    attemptTimeoutMs: 300_000,
    retry: { maxAttempts: 5, initialBackoffMs: 1_000, maxBackoffMs: 600_000 },
    uniqueKey: undefined,
    schedule: undefined,
    traceparent: undefined,
  });
});

test('a schedule time that has passed is taken as now', () => {
  expect(define({ scheduleTime: later(-86_400_000) }).scheduleAt).toBeUndefined();
  expect(define({ scheduleTime: later(1) }).scheduleAt).toEqual(later(1));
});

test('a longer first wait than the default longest makes that the longest', () => {
  expect(define({ retryPolicy: { initialBackoffMs: 900_000 } }).retry.maxBackoffMs).toBe(900_000);
  expect(define({ retryPolicy: { maxBackoffMs: 200 } }).retry.initialBackoffMs).toBe(200);
});

describe('is refused, with its field', () => {
  const cases: readonly [string, Partial<TaskRequest>][] = [
    ['schedule_time', { scheduleTime: later(MAX_SCHEDULE_AHEAD_MS + 1) }],
    ['deadline_time', { deadlineTime: NOW }],
    ['deadline_time', { scheduleTime: later(1_000), deadlineTime: later(1_000) }],
    ['retry_policy.max_attempts', { retryPolicy: { maxAttempts: 101 } }],
    ['retry_policy.max_attempts', { retryPolicy: { maxAttempts: -1 } }],
    ['retry_policy.initial_backoff', { retryPolicy: { initialBackoffMs: 0 } }],
    ['retry_policy.max_backoff', { retryPolicy: { maxBackoffMs: -5, initialBackoffMs: 1 } }],
    ['retry_policy.max_backoff', { retryPolicy: { initialBackoffMs: 2_000, maxBackoffMs: 1_000 } }],
    ['retry_policy.max_backoff', { retryPolicy: { maxBackoffMs: 8 * 86_400_000 } }],
    ['unique_key', { uniqueKey: 'a\u0000b' }],
    ['unique_key', { uniqueKey: 'line\nbreak' }],
    ['labels', { labels: { team: '\ud800' } }],
    ['payload', { payload: { text: 'x'.repeat(65_536) } }],
    ['payload', { payload: { text: 'a\u0000b' } }],
    ['payload', { payload: { '\ud800': 1 } }],
    ['payload', { payload: { n: Number.POSITIVE_INFINITY } }],
    ['payload', { payload: nested(32) }],
  ];
  test.each(cases)('%s: %o', (field, fields) => {
    expect(() => define(fields)).toThrow(expect.objectContaining({ code: 'invalid-argument', field }));
  });

  test('what is just within the limits passes', () => {
    const overhead = JSON.stringify({ text: '' }).length;
    expect(define({ payload: { text: 'x'.repeat(65_536 - overhead) } }).payload).toBeDefined();
    expect(define({ payload: nested(31) }).payload).toBeDefined();
    expect(define({ scheduleTime: later(MAX_SCHEDULE_AHEAD_MS) }).scheduleAt).toBeDefined();
  });
});
