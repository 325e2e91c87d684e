import { type CallContext, principalId } from '@cert-tasks/rpc';
import type { Call } from '../../application/call.ts';

/** What the use cases keep of a call. */
export function callOf(ctx: CallContext): Call {
  const { principal, project } = ctx;
  const roles =
    principal.kind === 'service' || principal.kind === 'anonymous'
      ? []
      : [...(principal.roles.get('*') ?? []), ...(principal.roles.get(project ?? '*') ?? [])];
  return {
    actor: { kind: principal.kind, id: principalId(principal), roles: [...new Set(roles)].toSorted() },
    action: ctx.method,
    requestId: ctx.requestId,
    traceparent: ctx.traceparent ?? '',
    peerAddress: ctx.peer.address,
    userAgent: ctx.userAgent ?? '',
  };
}
