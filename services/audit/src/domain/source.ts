/** The services whose events the log takes, as event sources are named. */
export const SOURCES = ['cert', 'signer', 'task-scheduler', 'audit'] as const;

/** A source of events: each numbers its own 1, 2, 3, ... without gaps. */
export type Source = (typeof SOURCES)[number];
