import { type AppError, CoalescerError } from '@cert-tasks/kernel';
import { AuthenticationError } from '../authentication/authentication-error.ts';
import { HealthError } from '../health/health-error.ts';
import { CallError } from './call-error.ts';
import type { RpcCode } from './rpc-code.ts';
import { RpcInputError } from './rpc-input-error.ts';
import type { FieldViolation, RpcStatus } from './rpc-status.ts';

/** The domain of the errors that this package itself answers with. */
export const RPC_DOMAIN = 'certtasks.rpc';

/** How the errors of one module look from outside: made by {@link errorMapping}. */
export interface ErrorMapping {
  /** The status of an error of this module; undefined when it is another's, or a defect. */
  statusOf(error: unknown): RpcStatus | undefined;
}

/** Options of {@link errorMapping}. */
export interface ErrorMappingOptions<Code extends string> {
  /** The module's error class. Its subclasses are mapped as well. */
  readonly errorClass: abstract new (
    ...args: never[]
  ) => AppError<Code>;
  /** `google.rpc.ErrorInfo.domain`: `certtasks.cert`, say. */
  readonly domain: string;
  /** Every code of the module. INTERNAL stands for "a defect": the caller learns nothing but the request id. */
  readonly codes: Readonly<Record<Code, RpcCode>>;
}

/**
 * One exhaustive, reviewable table from the error codes of a module to gRPC codes.
 *
 * The caller gets: the message followed by the advice; ErrorInfo with the code in capitals as its reason, the domain, the
 * metadata and the advice; BadRequest where the error names a field; RetryInfo where it names a time. The cause stays here.
 */
export function errorMapping<Code extends string>(options: ErrorMappingOptions<Code>): ErrorMapping {
  const { errorClass, domain, codes } = options;
  const byCode: ReadonlyMap<string, RpcCode> = new Map(Object.entries<RpcCode>(codes));
  return {
    statusOf(error) {
      if (!(error instanceof errorClass)) return undefined;
      const code = byCode.get(error.code);
      return code === undefined || code === 'INTERNAL' ? undefined : statusOfAppError(error, { code, domain });
    },
  };
}

/** What every pipeline answers by itself, and what handlers throw from this package and the kernel. */
export const OWN_MAPPINGS: readonly ErrorMapping[] = [
  errorMapping({
    errorClass: CallError,
    domain: RPC_DOMAIN,
    codes: {
      'permission-denied': 'PERMISSION_DENIED',
      'invalid-request': 'INVALID_ARGUMENT',
      'malformed-message': 'INVALID_ARGUMENT',
      'message-too-large': 'RESOURCE_EXHAUSTED',
      'method-not-served': 'UNIMPLEMENTED',
      'rate-limited': 'RESOURCE_EXHAUSTED',
      'too-many-calls': 'RESOURCE_EXHAUSTED',
      'deadline-exceeded': 'DEADLINE_EXCEEDED',
      cancelled: 'CANCELLED',
      'shutting-down': 'UNAVAILABLE',
    },
  }),
  errorMapping({
    errorClass: AuthenticationError,
    domain: RPC_DOMAIN,
    codes: {
      'token-missing': 'UNAUTHENTICATED',
      'token-rejected': 'UNAUTHENTICATED',
      'token-expired': 'UNAUTHENTICATED',
      'certificate-missing': 'UNAUTHENTICATED',
      'certificate-rejected': 'UNAUTHENTICATED',
      'keys-unavailable': 'UNAVAILABLE',
    },
  }),
  errorMapping({
    errorClass: RpcInputError,
    domain: RPC_DOMAIN,
    codes: {
      'invalid-field': 'INVALID_ARGUMENT',
      'invalid-filter': 'INVALID_ARGUMENT',
      'invalid-order-by': 'INVALID_ARGUMENT',
      'invalid-page-token': 'INVALID_ARGUMENT',
    },
  }),
  errorMapping({ errorClass: HealthError, domain: RPC_DOMAIN, codes: { 'service-unknown': 'NOT_FOUND' } }),
  errorMapping({
    errorClass: CoalescerError,
    domain: RPC_DOMAIN,
    codes: { overloaded: 'RESOURCE_EXHAUSTED', closed: 'UNAVAILABLE', 'bad-results': 'INTERNAL' },
  }),
];

/** The status of a defect: nothing of it is told but where to look. */
export function internalStatus(requestId: string): RpcStatus {
  return {
    code: 'INTERNAL',
    message: `The service met an error of its own. Report it with the request id ${requestId}.`,
    reason: 'INTERNAL',
    domain: RPC_DOMAIN,
    metadata: { request_id: requestId },
  };
}

function statusOfAppError(error: AppError, { code, domain }: { code: RpcCode; domain: string }): RpcStatus {
  const { message, advice, metadata, retryAfterMs } = error;
  const violations = violationsOf(error);
  return {
    code,
    message: advice === undefined ? message : `${message} ${advice}`,
    reason: error.code.replaceAll('-', '_').toUpperCase(),
    domain,
    metadata: advice === undefined ? { ...metadata } : { ...metadata, advice },
    ...(violations.length > 0 && { violations }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function violationsOf(error: AppError): readonly FieldViolation[] {
  if (error instanceof CallError && error.violations.length > 0) return error.violations;
  return error.field === undefined ? [] : [{ field: error.field, description: error.message }];
}
