import type { JsonObject } from '@bufbuild/protobuf';

/** The kind of a caller, as the rpc package names it. */
export type EventActorKind = 'user' | 'admin' | 'service_acc' | 'service' | 'anonymous';

/** How an action ended. `refused`: nothing changed. `failure`: it was tried. */
export type EventResult = 'success' | 'refused' | 'failure';

/** Who acted. */
export interface EventActor {
  readonly kind: EventActorKind;
  /** Subject of the token or name of the service, at most 256 characters; empty for `anonymous`. */
  readonly id: string;
  /** Roles that the caller held in the event's project. */
  readonly roles?: readonly string[];
}

/** What a producer says of an event. Its id, salt and time are made when it is appended, its number when it is stamped. */
export interface NewEvent {
  /** "noun.verb in the past", such as `certificate.created`. */
  readonly type: string;
  /** Version of this type's data, from 1; 1 by default. */
  readonly typeVersion?: number;
  /** Resource name that it happened to, at most 512 characters. */
  readonly subject: string;
  /** The project that it is filed under; `system` for the platform's own. */
  readonly project: string;
  readonly actor: EventActor;
  /** Name of the RPC or the loop. */
  readonly action: string;
  readonly result: EventResult;
  /** The error's reason in capitals, where it was refused or failed. */
  readonly reason?: string | undefined;
  readonly requestId?: string | undefined;
  /** W3C trace context of the request; that of the current span by default. */
  readonly traceparent?: string | undefined;
  readonly peerAddress?: string | undefined;
  /** Cut to 256 characters. */
  readonly userAgent?: string | undefined;
  /** What else is to be said, by docs/events.md. Never a secret. */
  readonly data?: JsonObject | undefined;
}
