import { describe, expect, it } from 'vitest';
import { testSignal } from './test-signal.ts';

describe('testSignal', () => {
  it('hands values over in order, whoever comes first', async () => {
    const signal = testSignal<number>('n');
    signal.emit(1);
    expect(signal.pending).toBe(1);
    expect(await signal.next()).toBe(1);
    const [second, third] = [signal.next(), signal.next()];
    signal.emit(2);
    signal.emit(3);
    expect(await Promise.all([second, third])).toEqual([2, 3]);
    expect(signal.pending).toBe(0);
  });

  it('gives up by name, and the next value goes to the next waiter', async () => {
    const signal = testSignal<number>('late');
    await expect(signal.next(10)).rejects.toThrow('Waited 10 ms in vain for the signal late.');
    const next = signal.next();
    signal.emit(1);
    expect(await next).toBe(1);
  });
});
