const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;

/** Milliseconds of a duration such as `250ms`, `30s`, `5m`, `2h` or `7d`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(amount) * unitMs;
}

/** A whole number of milliseconds as a duration, in the largest unit that divides it. */
export function formatDuration(ms: number): string {
  const [unit, unitMs] = Object.entries(UNIT_MS).findLast(([, size]) => ms !== 0 && ms % size === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}
