import type { AuditEvent } from '../../domain/audit-event.ts';

/** Who asked for a step and by what call, as the audit log tells it. */
export interface Origin {
  readonly actor: {
    readonly kind: 'user' | 'admin' | 'service_acc' | 'service' | 'anonymous';
    readonly id: string;
    readonly roles?: readonly string[];
  };
  /** The RPC's full name, or the loop's. */
  readonly action: string;
  readonly requestId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly peerAddress?: string | undefined;
  readonly userAgent?: string | undefined;
}

/** An event and where it came from. */
export interface AuditEntry {
  readonly event: AuditEvent;
  readonly origin: Origin;
}

/** The audit events of the transaction at hand. */
export interface AuditTrail {
  /** MUST be the last write of its transaction. Nothing is written for no entries. */
  append(entries: readonly AuditEntry[]): Promise<void>;
}
