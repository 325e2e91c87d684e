import { AppError } from '@cert-tasks/kernel';

/** Why a service cannot be put together: a file that its settings name cannot be read. */
export type HostErrorCode = 'file-unreadable';

/** Raised by this package. */
export class HostError extends AppError<HostErrorCode> {
  override readonly name = 'HostError';
}
