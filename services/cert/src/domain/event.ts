/** A JSON value, as event data holds it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Who asked for something, and how the call came in: what every event of it says. */
export interface Origin {
  readonly actor: {
    readonly kind: 'user' | 'admin' | 'service_acc' | 'service';
    readonly id: string;
    readonly roles: readonly string[];
  };
  /** The RPC's full method name, or the loop's. */
  readonly action: string;
  /** The caller's request id; empty where it gave none. */
  readonly requestId: string;
  readonly traceparent: string;
  readonly peerAddress: string;
  readonly userAgent: string;
}

/** Something that happened, to be told once (docs/events.md lists types and data keys). */
export interface CertEvent {
  readonly type:
    | 'authority.created'
    | 'certificate.created'
    | 'certificate.renewed'
    | 'certificate.revoked'
    | 'certificate.refused'
    | 'certificate.failed'
    | 'crl.published';
  readonly subject: string;
  readonly project: string;
  readonly origin: Origin;
  readonly result: 'success' | 'refused' | 'failure';
  /** The error code in capitals, where it was refused or failed. */
  readonly reason: string;
  readonly data: { readonly [key: string]: JsonValue };
}

/** The origin of what cert does by itself. */
export function loopOrigin(action: string): Origin {
  return {
    actor: { kind: 'service', id: 'cert', roles: [] },
    action,
    requestId: '',
    traceparent: '',
    peerAddress: '',
    userAgent: '',
  };
}
