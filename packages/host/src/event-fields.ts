import type { EventActor, NewEvent } from '@cert-tasks/outbox';
import { type CallContext, type Principal, principalId } from '@cert-tasks/rpc';

/** What every event says of the call that caused it. */
export type EventOrigin = Pick<
  NewEvent,
  'actor' | 'action' | 'requestId' | 'traceparent' | 'peerAddress' | 'userAgent'
>;

/** The actor of an event: the principal, with the roles that it holds in the project. */
export function eventActor({ principal, project }: { principal: Principal; project: string | undefined }): EventActor {
  if (principal.kind === 'anonymous' || principal.kind === 'service') {
    return { kind: principal.kind, id: principalId(principal), roles: [] };
  }
  const roles = new Set([...(principal.roles.get('*') ?? []), ...(principal.roles.get(project ?? '*') ?? [])]);
  return { kind: principal.kind, id: principal.id, roles: [...roles].toSorted() };
}

/** The part of an event that the call itself gives. */
export function eventOrigin(ctx: CallContext): EventOrigin {
  return {
    actor: eventActor(ctx),
    action: ctx.method,
    requestId: ctx.requestId,
    traceparent: ctx.traceparent ?? '',
    peerAddress: ctx.peer.address,
    userAgent: ctx.userAgent ?? '',
  };
}
