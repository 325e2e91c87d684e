import { type DescMessage, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { requestHash, requestKey } from '@cert-tasks/idempotency';
import { type CallContext, principalId, RpcInputError } from '@cert-tasks/rpc';
import type { RequestClaim } from '../../application/ports/certificate-store.ts';

/**
 * What makes a call safe to repeat (docs/adr/0005); undefined where the caller gave no request id.
 * @param canonical The request with its request id cleared and its maps in order of their keys: equal requests, equal
 * bytes.
 * @throws RpcInputError `invalid-field` for a request id that is not printable.
 */
export function requestClaim<Desc extends DescMessage>(
  ctx: CallContext,
  request: {
    readonly project: string;
    readonly requestId: string;
    readonly schema: Desc;
    readonly canonical: MessageShape<Desc>;
  },
): RequestClaim | undefined {
  const { project, requestId, schema, canonical } = request;
  if (/\p{C}/u.test(requestId)) {
    throw new RpcInputError('invalid-field', 'A request id is made of printable characters.', { field: 'request_id' });
  }
  const { principal } = ctx;
  const key = requestKey({
    project,
    principal: `${principal.kind}:${principalId(principal)}`,
    method: ctx.method,
    requestId,
  });
  if (key === undefined) return undefined;
  return { key, hash: requestHash(toBinary(schema, canonical, { writeUnknownFields: false })) };
}
