import { type ErrorMapping, errorMapping } from '@cert-tasks/rpc';
import { AuditError } from '../../domain/errors.ts';

/** How the log's errors look from outside. INTERNAL stands for what no caller can do anything about. */
export const AUDIT_ERROR_MAPPING: ErrorMapping = errorMapping({
  errorClass: AuditError,
  domain: 'certtasks.audit',
  codes: {
    'entry-not-found': 'NOT_FOUND',
    'not-yet-checkpointed': 'FAILED_PRECONDITION',
    'invalid-tree-size': 'INVALID_ARGUMENT',
    'log-damaged': 'INTERNAL',
    'log-held': 'INTERNAL',
    'checkpoint-fork': 'INTERNAL',
    'checkpoint-refused': 'INTERNAL',
    'bad-checkpoint-signature': 'INTERNAL',
    'witness-unavailable': 'INTERNAL',
    'feed-unavailable': 'INTERNAL',
    'feed-broken': 'INTERNAL',
  },
});
