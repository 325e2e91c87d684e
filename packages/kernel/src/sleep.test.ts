import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sleep } from './sleep.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('resolves after the time, not before', async () => {
  const done = vi.fn();
  const slept = sleep(1_000).then(done);
  await vi.advanceTimersByTimeAsync(999);
  expect(done).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(done).toHaveBeenCalledOnce();
  await slept;
});

test('rejects with the reason of the signal and leaves no timer', async () => {
  const controller = new AbortController();
  const slept = sleep(1_000, controller.signal);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(slept).rejects.toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
});

test('rejects at once when the signal has aborted', async () => {
  const reason = new Error('too late');
  await expect(sleep(1_000, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(vi.getTimerCount()).toBe(0);
});

test('leaves no listener on a signal that outlives it', async () => {
  const { signal } = new AbortController();
  const remove = vi.spyOn(signal, 'removeEventListener');
  const add = vi.spyOn(signal, 'addEventListener');
  const slept = sleep(5, signal);
  await vi.advanceTimersByTimeAsync(5);
  await slept;
  expect(remove.mock.calls.length).toBe(add.mock.calls.length);
});

test.each([-1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY])('refuses %d ms', async (ms) => {
  await expect(sleep(ms)).rejects.toThrow(RangeError);
});
