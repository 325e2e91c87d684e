import type { RpcCode } from './rpc-code.ts';

/** What is wrong with one field of a request. */
export interface FieldViolation {
  /** Path of the field as the proto names it: `csr`, `labels["team"]`. */
  readonly field: string;
  /** What the field must be. */
  readonly description: string;
}

/** How a failed call is told to its caller, before a transport has encoded it. Nothing in it is secret. */
export interface RpcStatus {
  readonly code: RpcCode;
  /** For a person; says what to do next. */
  readonly message: string;
  /** SCREAMING_SNAKE_CASE and stable; unique within the domain (google.rpc.ErrorInfo). */
  readonly reason: string;
  /** Whose reason it is (google.rpc.ErrorInfo): `certtasks.cert`, say. */
  readonly domain: string;
  /** Short facts (google.rpc.ErrorInfo). */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The fields at fault (google.rpc.BadRequest). */
  readonly violations?: readonly FieldViolation[];
  /** Milliseconds after which the same call may succeed (google.rpc.RetryInfo). */
  readonly retryAfterMs?: number;
}

/** Carries a status from the pipeline to the adapter of a transport. It never leaves this package. */
export class StatusError extends Error {
  readonly status: RpcStatus;

  constructor(status: RpcStatus, cause: unknown) {
    super(status.message, { cause });
    this.name = 'StatusError';
    this.status = status;
  }
}
