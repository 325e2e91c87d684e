import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { withDeadline } from './with-deadline.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const late = () => new Error('late');

test('gives the outcome that comes in time and leaves no timer', async () => {
  await expect(withDeadline(Promise.resolve(7), 10, late)).resolves.toBe(7);
  await expect(withDeadline(Promise.reject(new Error('own')), 10, late)).rejects.toThrow('own');
  expect(vi.getTimerCount()).toBe(0);
});

test('rejects at the deadline, and drops the rejection that comes later', async () => {
  const work = Promise.withResolvers<void>();
  const outcome = expect(withDeadline(work.promise, 10, late)).rejects.toThrow('late');
  await vi.advanceTimersByTimeAsync(10);
  await outcome;
  work.reject(new Error('too late to matter'));
});
