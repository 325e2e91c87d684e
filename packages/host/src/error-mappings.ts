import { DbError } from '@cert-tasks/db';
import { IdempotencyError } from '@cert-tasks/idempotency';
import { OutboxError } from '@cert-tasks/outbox';
import { type ErrorMapping, errorMapping } from '@cert-tasks/rpc';

/** How the errors of what every service stands on look from outside. INTERNAL stands for a defect of ours. */
export const PLATFORM_MAPPINGS: readonly ErrorMapping[] = [
  errorMapping({
    errorClass: DbError,
    domain: 'certtasks.db',
    codes: {
      'database-unavailable': 'UNAVAILABLE',
      'database-busy': 'UNAVAILABLE',
      'database-newer': 'INTERNAL',
      'database-older': 'INTERNAL',
      'migration-changed': 'INTERNAL',
      'migration-failed': 'INTERNAL',
      'invalid-migrations': 'INTERNAL',
      'insecure-connection': 'INTERNAL',
      'invalid-url': 'INTERNAL',
      'lease-lost': 'ABORTED',
      'transaction-ended': 'INTERNAL',
    },
  }),
  errorMapping({
    errorClass: IdempotencyError,
    domain: 'certtasks.idempotency',
    codes: { 'request-id-reused': 'FAILED_PRECONDITION', 'request-in-progress': 'ABORTED' },
  }),
  errorMapping({
    errorClass: OutboxError,
    domain: 'certtasks.outbox',
    codes: {
      'event-too-large': 'INVALID_ARGUMENT',
      'invalid-event': 'INTERNAL',
      'events-pruned': 'OUT_OF_RANGE',
      'position-ahead': 'FAILED_PRECONDITION',
      'caller-not-allowed': 'PERMISSION_DENIED',
    },
  }),
];
