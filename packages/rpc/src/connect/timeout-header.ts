/** gRPC over HTTP/2, "Timeout": at most 8 digits and a unit. */
const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };
const MAX_GRPC_MS = 99_999_999;

const GRPC_HEADER = 'grpc-timeout';
const CONNECT_HEADER = 'connect-timeout-ms';

/**
 * Writes the timeout that the pipeline allows into a request's header, so that connect-es reads the body under the same
 * deadline. By itself it has none where the caller sets none, answers an error where a cap is passed, and lets a timer
 * overflow (and so fire at once) on long timeouts.
 *
 * A malformed header is left as it is: connect-es refuses it with INVALID_ARGUMENT.
 */
export function boundTimeout(header: Headers, allowed: (askedMs: number | undefined) => number | undefined): void {
  const isGrpc = header.get('content-type')?.startsWith('application/grpc') === true;
  const name = isGrpc ? GRPC_HEADER : CONNECT_HEADER;
  const sent = header.get(name);
  const askedMs = sent === null ? undefined : isGrpc ? grpcTimeoutMs(sent) : connectTimeoutMs(sent);
  if (sent !== null && askedMs === undefined) return;
  const ms = allowed(askedMs);
  if (ms !== undefined) header.set(name, isGrpc ? grpcTimeout(ms) : String(Math.ceil(ms)));
}

function grpcTimeoutMs(text: string): number | undefined {
  const [, digits, unit] = GRPC_TIMEOUT.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  return digits === undefined || unitMs === undefined ? undefined : Number(digits) * unitMs;
}

function connectTimeoutMs(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}

function grpcTimeout(ms: number): string {
  return ms <= MAX_GRPC_MS ? `${Math.ceil(ms)}m` : `${Math.floor(ms / 1_000)}S`;
}
