import { AppError } from '@cert-tasks/kernel';

/** What can keep a part of the development platform from running. */
export type StackErrorCode =
  /** A port of the platform is held by another process. */
  | 'port-in-use'
  /** A port variable does not hold a port. */
  | 'invalid-port'
  /** Another running platform holds the folder. */
  | 'home-in-use'
  /** A file of the folder cannot be read or written, or does not hold what it should. */
  | 'home-unusable'
  /** A program that is needed is not there and could not be brought. */
  | 'binary-missing'
  /** The data were written by a newer major version of PostgreSQL. */
  | 'data-newer'
  /** The data were written by an older major version of PostgreSQL. */
  | 'data-older'
  /** The user that the program has to run as cannot reach its files. */
  | 'data-unreachable'
  /** A process ended, or was not ready in time. */
  | 'start-failed'
  /** The database refused, or is not one that can be used. */
  | 'database-refused';

/** Raised by the development platform. The message is one line that says what a person does next. */
export class StackError extends AppError<StackErrorCode> {}
