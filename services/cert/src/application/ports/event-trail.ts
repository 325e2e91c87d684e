import type { CertEvent } from '../../domain/event.ts';

/** Events of what changed nothing: those of changes go with their change. */
export interface EventTrail {
  /** Makes an event durable by itself. */
  append(event: CertEvent): Promise<void>;
}
