import { AppError } from '@cert-tasks/kernel';

/** Raised by the health service for a name that it does not know. */
export class HealthError extends AppError<'service-unknown'> {}
