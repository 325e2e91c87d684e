/** What clocks may differ by between cert and signer (DESIGN, section 3). */
export const CLOCK_TOLERANCE_MS = 60_000;

/** How much earlier than now cert dates what it issues, so that a reader with a slow clock takes it. */
export const BACKDATE_MS = 300_000;

/** Whether a start of validity is one that is issued now: at most 5 minutes back, 60 seconds of tolerance either way. */
export function isCurrentStart(start: Date, { now }: { readonly now: Date }): boolean {
  const age = now.getTime() - start.getTime();
  return age <= BACKDATE_MS + CLOCK_TOLERANCE_MS && age >= -CLOCK_TOLERANCE_MS;
}
