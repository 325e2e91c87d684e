/** Who acted, as the audit log names it. */
export interface CallActor {
  readonly kind: 'anonymous' | 'user' | 'admin' | 'service_acc' | 'service';
  readonly id: string;
  /** Roles that were held in the project. */
  readonly roles: readonly string[];
}

/** Where a request comes from: what the ledger and the audit log keep of it. One object for one RPC. */
export interface Call {
  readonly actor: CallActor;
  /** The RPC's name. */
  readonly action: string;
  readonly requestId: string;
  readonly traceparent: string;
  readonly peerAddress: string;
  readonly userAgent: string;
}

/** The caller as the ledger names it: `service:cert`. */
export function callerOf({ actor }: Call): string {
  return `${actor.kind}:${actor.id}`;
}
