import type { Principal } from '../authentication/principal.ts';
import type { RpcCode } from '../errors/rpc-code.ts';

/** A call that was refused for want of an identity or a right. */
export interface Refusal {
  /** `certtasks.cert.v1.CertificateService/IssueCertificate`. */
  readonly method: string;
  readonly principal: Principal;
  readonly project: string | undefined;
  /** The caller's IP address. */
  readonly peer: string;
  readonly userAgent: string | undefined;
  /** `PERMISSION_DENIED`, `TOKEN_EXPIRED`, ... */
  readonly reason: string;
  readonly rpcCode: RpcCode;
  readonly requestId: string;
  readonly traceparent: string | undefined;
  /** How many refusals of the same peer and method were counted, but not reported, since the last report. */
  readonly suppressed: number;
}

/** Reacts to a refusal; its rejection is logged and changes nothing for the caller. MUST bound its own time. */
export type OnRefusal = (refusal: Refusal) => void | Promise<void>;

const WINDOW_MS = 60_000;

interface Window {
  readonly startedAtMs: number;
  suppressed: number;
}

/**
 * Lets one refusal of each peer and method through in a minute and counts the others, in bounded memory. Where there is no
 * room for a further peer and method, the one reported longest ago makes room.
 */
export class RefusalFloodControl {
  readonly #maxTracked: number;
  /** In order of their start, oldest first. */
  readonly #windows = new Map<string, Window>();

  constructor({ maxTracked }: { maxTracked: number }) {
    this.#maxTracked = maxTracked;
  }

  /** Undefined: count it only. Else report it, with this many that were suppressed before. `nowMs` is monotonic. */
  admit({ peer, method }: { peer: string; method: string }, nowMs: number): number | undefined {
    const key = `${peer} ${method}`;
    const known = this.#windows.get(key);
    if (known !== undefined && nowMs - known.startedAtMs < WINDOW_MS) {
      known.suppressed += 1;
      return undefined;
    }
    this.#windows.delete(key);
    if (this.#windows.size >= this.#maxTracked) {
      const oldest = this.#windows.keys().next();
      if (oldest.done !== true) this.#windows.delete(oldest.value);
    }
    this.#windows.set(key, { startedAtMs: nowMs, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}
