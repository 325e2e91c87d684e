import type { Clock } from '@cert-tasks/kernel';

/** A clock that stands still until it is told otherwise. */
export interface FakeClock extends Clock {
  /** Moves it by milliseconds, backwards when negative. */
  advance(ms: number): void;
  set(now: Date): void;
}

/** A clock that shows `start`, 2026-01-01T00:00:00Z by default. */
export function fakeClock(start = new Date('2026-01-01T00:00:00Z')): FakeClock {
  let nowMs = start.getTime();
  return {
    now: () => new Date(nowMs),
    advance: (ms) => {
      nowMs += ms;
    },
    set: (now) => {
      nowMs = now.getTime();
    },
  };
}
