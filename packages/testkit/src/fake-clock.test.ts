import { expect, it } from 'vitest';
import { fakeClock } from './fake-clock.ts';

it('a fake clock moves only when it is told to', () => {
  const clock = fakeClock(new Date(1_000));
  expect(clock.now()).toEqual(new Date(1_000));
  clock.advance(500);
  expect(clock.now()).toEqual(new Date(1_500));
  clock.advance(-1_000);
  expect(clock.now()).toEqual(new Date(500));
  clock.set(new Date(9));
  clock.now().setTime(0);
  expect(clock.now()).toEqual(new Date(9));
});
