import { AppError } from '@cert-tasks/kernel';
import { classifyPgError } from './classify-pg-error.ts';
import { DbError } from './db-error.ts';

const UNAVAILABLE_RETRY_MS = 1_000;
const BUSY_RETRY_MS = 200;

/**
 * The error as callers are to see it: failures that no caller can reason about by themselves become a {@link DbError},
 * everything else (violated constraints, and errors of the caller's own whatever their cause) stays what it is.
 */
export function translateError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  switch (classifyPgError(error).kind) {
    case 'connection':
      return new DbError('database-unavailable', 'The database cannot be reached.', {
        advice: 'Check that PostgreSQL runs and that DATABASE_URL is right, then try again.',
        retryAfterMs: UNAVAILABLE_RETRY_MS,
        cause: error,
      });
    case 'serialization':
    case 'deadlock':
    case 'lock-timeout':
    case 'statement-timeout':
      return new DbError('database-busy', 'The database is too busy for this just now. Nothing was changed.', {
        advice: 'Try again.',
        retryAfterMs: BUSY_RETRY_MS,
        cause: error,
      });
    default:
      return error;
  }
}
