/** Where the time comes from. Handed in at the edge, so that rules and tests decide what "now" is. */
export interface Clock {
  /** The current time. Wall clock: it may step backwards. */
  now(): Date;
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => new Date() };
