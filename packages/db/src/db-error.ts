import { AppError } from '@cert-tasks/kernel';

/**
 * Why the database did not do what it was asked.
 *
 * - `database-unavailable`: it cannot be reached, or the connection broke. Whether a commit that was under way took
 *   effect is not known.
 * - `database-busy`: lock, statement time or serialization limits were met, also after retries. Nothing was changed.
 * - `database-newer`, `database-older`, `migration-changed`, `migration-failed`, `invalid-migrations`: see `migrate` and
 *   `verifyMigrations`.
 * - `insecure-connection`: the URL would carry data in the clear beyond this machine.
 * - `invalid-url`: the URL names no PostgreSQL database.
 * - `lease-lost`: somebody else leads now, or the lease has run out. Nothing was changed.
 * - `transaction-ended`: a statement was sent after its transaction had ended. A defect of the caller.
 */
export type DbErrorCode =
  | 'database-unavailable'
  | 'database-busy'
  | 'database-newer'
  | 'database-older'
  | 'migration-changed'
  | 'migration-failed'
  | 'invalid-migrations'
  | 'insecure-connection'
  | 'invalid-url'
  | 'lease-lost'
  | 'transaction-ended';

/** Raised by this package. */
export class DbError extends AppError<DbErrorCode> {}
