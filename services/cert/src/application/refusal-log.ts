import type { Clock } from '@cert-tasks/kernel';
import { CertError, type CertErrorCode } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import type { EventTrail } from './ports/event-trail.ts';

/** Refusals by policy, as opposed to requests without sense: what an auditor wants to see. */
const POLICY_CODES: ReadonlySet<CertErrorCode> = new Set<CertErrorCode>([
  'profile-unknown',
  'csr-signature-invalid',
  'key-not-allowed',
  'name-not-allowed',
  'lifetime-not-allowed',
  'lint-failed',
]);

const WINDOW_MS = 60_000;
const MAX_TRACKED = 10_000;

interface Window {
  readonly beganAt: number;
  suppressed: number;
}

/** What was refused. */
export interface RefusedIssuance {
  readonly error: unknown;
  readonly project: string;
  /** The resource name that was to be issued under, or renewed. */
  readonly subject: string;
  readonly profile: string;
  readonly origin: Origin;
}

/**
 * Tells the audit trail of issuances that policy refused: one event for each principal, project and reason in a minute,
 * with the number of those
 * that were only counted since. Its memory is bounded; where it is full, the pair that was told of longest ago makes
 * room.
 */
export class RefusalLog {
  readonly #trail: EventTrail;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  /** In order of their beginning, the oldest first. */
  readonly #windows = new Map<string, Window>();

  constructor(deps: {
    readonly trail: EventTrail;
    readonly clock: Clock;
    /** An event that could not be stored: the caller gets its refusal all the same. */
    readonly onFailure: (error: unknown) => void;
  }) {
    this.#trail = deps.trail;
    this.#clock = deps.clock;
    this.#onFailure = deps.onFailure;
  }

  /** Tells of a refusal, where it is one by policy. Never rejects. */
  async report({ error, project, subject, profile, origin }: RefusedIssuance): Promise<void> {
    if (!(error instanceof CertError) || !POLICY_CODES.has(error.code)) return;
    const suppressed = this.#admit(JSON.stringify([origin.actor.kind, origin.actor.id, project, error.code]));
    if (suppressed === undefined) return;
    try {
      await this.#trail.append({
        type: 'certificate.refused',
        subject,
        project,
        origin,
        result: 'refused',
        reason: error.code.replaceAll('-', '_').toUpperCase(),
        data: {
          profile: profile.slice(0, 63),
          field: error.field ?? '',
          message: error.message.slice(0, 1_024),
          suppressed,
        },
      });
    } catch (failure) {
      this.#onFailure(failure);
    }
  }

  /** Undefined: it is only counted. Else how many were only counted before. */
  #admit(key: string): number | undefined {
    const now = this.#clock.now().getTime();
    const known = this.#windows.get(key);
    if (known !== undefined && Math.abs(now - known.beganAt) < WINDOW_MS) {
      known.suppressed += 1;
      return undefined;
    }
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size >= MAX_TRACKED && oldest !== undefined) this.#windows.delete(oldest);
    this.#windows.set(key, { beganAt: now, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}
