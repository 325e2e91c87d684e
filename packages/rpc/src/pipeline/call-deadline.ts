/** How long a call may take, in milliseconds. Undefined: as long as its caller stays. */
export interface DeadlineRule {
  /** Where the caller sets none. */
  readonly defaultMs: number | undefined;
  /** Where the caller sets more. */
  readonly capMs: number | undefined;
}

/** What a caller waits for: an answer, news within half a minute, or a stream that ends when it is closed. */
export type CallKind = 'ordinary' | 'long-poll' | 'stream';

const RULES: Readonly<Record<CallKind, DeadlineRule>> = {
  ordinary: { defaultMs: 10_000, capMs: 60_000 },
  'long-poll': { defaultMs: 25_000, capMs: 30_000 },
  stream: { defaultMs: undefined, capMs: undefined },
};

/** The longest delay that a Node.js timer holds; above it, setTimeout fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** How long a call of this kind may take when its caller asks for `askedMs`; below 0 counts as 0. */
export function allowedMs(kind: CallKind, askedMs: number | undefined): number | undefined {
  const { defaultMs, capMs } = RULES[kind];
  const wanted = askedMs ?? defaultMs;
  return wanted === undefined ? undefined : Math.max(0, Math.min(wanted, capMs ?? MAX_TIMER_MS, MAX_TIMER_MS));
}
