import type { Logger } from '@cert-tasks/telemetry';
import type { Principal } from '../authentication/principal.ts';
import type { ListenerName } from '../authorization/access-policy.ts';

/** Where a call came from. */
export interface CallPeer {
  /** The IP address, without a port. */
  readonly address: string;
  /** The listener that took the call. */
  readonly listener: ListenerName;
}

/** What a handler knows of the call that it answers. */
export interface CallContext {
  /**
   * Aborts when nobody waits for the answer any more: the caller has gone, the deadline has passed, or the service shuts
   * down; its reason is a CallError. It does not abort on success. MUST NOT be handed to work that outlives the call.
   */
  readonly signal: AbortSignal;
  /** When the caller stops waiting; undefined for streams without a deadline. */
  readonly deadline: Date | undefined;
  /** Names the call in logs of every service that it reaches. Chosen by the caller or made here; not the idempotency key. */
  readonly requestId: string;
  readonly principal: Principal;
  /**
   * The project that the request's resource name begins with; `-` where one of the platform's own services asks for all of
   * them; undefined where the RPC names no project.
   */
  readonly project: string | undefined;
  readonly peer: CallPeer;
  /** As sent, at most 256 characters. */
  readonly userAgent?: string;
  /** W3C trace context of this call, to be kept with work that outlives it. */
  readonly traceparent?: string;
  /** Carries the request id and the method. */
  readonly log: Logger;
  /** `certtasks.cert.v1.CertificateService/IssueCertificate`. */
  readonly method: string;
}
