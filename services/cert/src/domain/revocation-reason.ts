/**
 * Why a certificate is revoked, by the CRLReason numbers of RFC 5280, 5.3.1. 0 is a real value. Holds (6) and removals
 * (8) are not offered.
 */
export const REVOCATION_REASONS = {
  'not-stated': 0,
  'key-compromise': 1,
  'ca-compromise': 2,
  'affiliation-changed': 3,
  superseded: 4,
  'cessation-of-operation': 5,
  'privilege-withdrawn': 9,
} as const;

/** A reason by name. */
export type RevocationReason = keyof typeof REVOCATION_REASONS;

/** The reason that a stored CRLReason number stands for; undefined for a number that is not offered. */
export function reasonFromCode(code: number): RevocationReason | undefined {
  for (const [name, value] of Object.entries(REVOCATION_REASONS)) {
    if (value === code) return name as RevocationReason;
  }
  return undefined;
}
