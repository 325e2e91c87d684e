import { AppError } from '@cert-tasks/kernel';

const MAX_DEPTH = 8;
const MAX_ERRORS = 10;
const MAX_MESSAGE = 2_048;
const MAX_STACK = 8_192;

/** An error as it stands in a log line. */
export interface SerializedError {
  /** The error's class, or the type of what was thrown. */
  readonly type: string;
  /** At most 2048 characters. */
  readonly message: string;
  /** Code of an AppError, of Node.js (`ECONNREFUSED`) or of PostgreSQL (`23505`). */
  readonly code?: string;
  /** The input field at fault, of an AppError. */
  readonly field?: string;
  /** At most 8192 characters. */
  readonly stack?: string;
  readonly cause?: SerializedError;
  /** Of an AggregateError; the first 10. */
  readonly errors?: readonly SerializedError[];
}

/**
 * What a log may show of an error: class, code, message, stack, and the same of its causes, to a depth of 8.
 *
 * Nothing else an error carries is taken over (metadata, queries with their parameters, requests, responses): drivers
 * hang whole payloads on their errors.
 */
export function serializeError(error: unknown, depth = 0): SerializedError {
  if (!(error instanceof Error)) return { type: typeof error, message: describeThrown(error) };
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number') ? error.code : undefined;
  const deeper = depth + 1 < MAX_DEPTH;
  return {
    type: error.name,
    message: error.message.slice(0, MAX_MESSAGE),
    ...(code === undefined ? {} : { code: String(code) }),
    ...(error instanceof AppError && error.field !== undefined ? { field: error.field } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack.slice(0, MAX_STACK) }),
    ...(deeper && error.cause !== undefined ? { cause: serializeError(error.cause, depth + 1) } : {}),
    ...(deeper && error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_ERRORS).map((one: unknown) => serializeError(one, depth + 1)) }
      : {}),
  };
}

/** Thrown objects may be payloads: only plain values are shown. */
function describeThrown(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown.slice(0, MAX_MESSAGE);
  if (typeof thrown === 'object' && thrown !== null) return 'an object that is no Error was thrown';
  return typeof thrown === 'function' || typeof thrown === 'symbol' ? `a ${typeof thrown} was thrown` : String(thrown);
}
