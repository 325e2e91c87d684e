import type { CallCredentials } from '../authentication/authenticate.ts';

/** A call as an adapter hands it to the pipeline, before any message has been read. All of it is hostile. */
export interface IncomingCall {
  readonly credentials: CallCredentials;
  /** The caller's IP address, without a port. */
  readonly peerAddress: string;
  /** What the caller still waits, in milliseconds; undefined where it did not say. */
  readonly timeoutMs: number | undefined;
  /** A request header by its lower-case name; undefined where it is absent or was sent twice. */
  header(name: string): string | undefined;
  /** Sets a response header. Called before anything is answered. */
  setResponseHeader(name: string, value: string): void;
  /** Calls the listener at most once, when the caller has gone. It may do so even after the answer. */
  onCancel(listener: () => void): void;
}
