import { AppError } from '@cert-tasks/kernel';

/** Why a command cannot do what it is asked, before any service is. */
export type CliErrorCode =
  | 'no-platform'
  | 'no-token'
  | 'wrong-argument'
  | 'file-unusable'
  | 'not-verified'
  | 'timed-out';

/** Raised by commands; its message is one line for a person. */
export class CliError extends AppError<CliErrorCode> {
  override readonly name = 'CliError';
}
