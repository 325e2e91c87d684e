import { PLATFORM_PROJECT } from './log-entry.ts';
import { LOG_ACTOR, type OwnEvent } from './own-event.ts';

/**
 * A source told two stories. The one that came first stands.
 *
 * - `number-reused`: the number is in the log with other content.
 * - `event-id-reused`: the event's id is in the log under another number, or another source's.
 */
export type ConflictKind = 'number-reused' | 'event-id-reused';

/** See {@link ConflictKind}. */
export interface Conflict {
  readonly kind: ConflictKind;
  readonly source: string;
  readonly number: bigint;
  readonly eventId: string;
  /** The entry that stands. */
  readonly index: bigint;
  /** The leaf that the other story would have made. */
  readonly offeredLeaf: Uint8Array;
  /** What was offered, encoded. */
  readonly offered: Uint8Array;
}

/** What the log itself says of a conflict. */
export function conflictEvent({ kind, source, number, eventId, index }: Conflict): OwnEvent {
  return {
    type: 'conflict.detected',
    subject: `projects/${PLATFORM_PROJECT}/auditEntries/${eventId}`,
    project: PLATFORM_PROJECT,
    actor: LOG_ACTOR,
    action: 'audit-sequence',
    result: 'failure',
    reason: kind.toUpperCase().replaceAll('-', '_'),
    peerAddress: '',
    userAgent: '',
    data: { source, number: number.toString(), index: index.toString() },
  };
}
