import { create, toBinary } from '@bufbuild/protobuf';
import {
  type CancelTaskRequest,
  CancelTaskRequestSchema,
  type CreateTaskRequest,
  CreateTaskRequestSchema,
} from '@cert-tasks/contracts/task/v1';
import { requestHash, requestKey } from '@cert-tasks/idempotency';
import { type CallContext, principalId } from '@cert-tasks/rpc';
import type { RequestIdentity } from '../../application/ports/request-register.ts';
import { checkJson, sortKeys } from '../../domain/json-value.ts';

/** What makes a CreateTask the same; undefined where the caller gave no request id. */
export function createTaskIdentity(ctx: CallContext, request: CreateTaskRequest): RequestIdentity | undefined {
  if (request.requestId === '') return undefined;
  const { payload, labels } = request;
  if (payload !== undefined) checkJson({ value: payload, field: 'payload' });
  // Maps have no order in protobuf: some languages encode the same request in another order each time.
  const canonical = create(CreateTaskRequestSchema, {
    ...request,
    requestId: '',
    labels: Object.fromEntries(Object.entries(labels).toSorted(byKey)),
    ...(payload !== undefined && { payload: { ...sortKeys(payload) } }),
  });
  return identity(ctx, { requestId: request.requestId, bytes: toBinary(CreateTaskRequestSchema, canonical) });
}

/** What makes a CancelTask the same; undefined where the caller gave no request id. */
export function cancelTaskIdentity(ctx: CallContext, request: CancelTaskRequest): RequestIdentity | undefined {
  const bytes = toBinary(CancelTaskRequestSchema, create(CancelTaskRequestSchema, { ...request, requestId: '' }));
  return identity(ctx, { requestId: request.requestId, bytes });
}

function identity(
  ctx: CallContext,
  call: { readonly requestId: string; readonly bytes: Uint8Array },
): RequestIdentity | undefined {
  const key = requestKey({
    project: ctx.project ?? '',
    principal: `${ctx.principal.kind}:${principalId(ctx.principal)}`,
    method: ctx.method,
    requestId: call.requestId,
  });
  return key === undefined ? undefined : { key, hash: requestHash(call.bytes) };
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
