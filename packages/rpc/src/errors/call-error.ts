import { AppError, type AppErrorOptions } from '@cert-tasks/kernel';
import type { FieldViolation } from './rpc-status.ts';

/** Why the pipeline ended a call by itself. */
export type CallErrorCode =
  | 'permission-denied'
  | 'invalid-request'
  | 'malformed-message'
  | 'message-too-large'
  | 'method-not-served'
  | 'rate-limited'
  | 'too-many-calls'
  | 'deadline-exceeded'
  | 'cancelled'
  | 'shutting-down';

/**
 * Raised by the pipeline itself. Handlers meet it as the reason of an aborted `ctx.signal`: `deadline-exceeded`, `cancelled`
 * (the caller has gone) or `shutting-down`.
 */
export class CallError extends AppError<CallErrorCode> {
  /** All fields at fault, where the contract's rules were broken. */
  readonly violations: readonly FieldViolation[];

  constructor(
    code: CallErrorCode,
    message: string,
    options: AppErrorOptions & { readonly violations?: readonly FieldViolation[] } = {},
  ) {
    super(code, message, options);
    this.violations = options.violations ?? [];
  }
}
