import type { JsonObject } from './json-value.ts';

/** Who is told to have acted in an event of the log's own. */
export interface OwnEventActor {
  readonly kind: 'user' | 'admin' | 'service_acc' | 'service' | 'anonymous';
  readonly id: string;
  readonly roles: readonly string[];
}

/** An event of the log's own, to be told once (docs/events.md lists types and data keys). */
export interface OwnEvent {
  readonly type: 'conflict.detected' | 'log.read';
  readonly subject: string;
  readonly project: string;
  readonly actor: OwnEventActor;
  /** The RPC's full method name, or the loop's. */
  readonly action: string;
  readonly result: 'success' | 'failure';
  /** In capitals; empty where it went well. */
  readonly reason: string;
  readonly peerAddress: string;
  readonly userAgent: string;
  readonly data: JsonObject;
}

/** The log itself, as an actor. */
export const LOG_ACTOR: OwnEventActor = { kind: 'service', id: 'audit', roles: [] };
