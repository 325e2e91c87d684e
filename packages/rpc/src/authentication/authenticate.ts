import type { Principal } from './principal.ts';

/** What a transport knows of the caller. All of it is hostile, but for what the TLS handshake has proved. */
export interface CallCredentials {
  /** The `authorization` header, as sent. */
  readonly authorization: string | undefined;
  /**
   * The `subjectaltname` of the peer's certificate as Node.js writes it, where TLS has verified one against our transport
   * CA; undefined without a client certificate.
   */
  readonly peerSubjectAltName: string | undefined;
}

/**
 * Says who calls.
 *
 * @throws AuthenticationError when the caller proves nothing, or something that does not hold.
 */
export type Authenticate = (credentials: CallCredentials) => Principal | Promise<Principal>;
