import type { CallContext } from '@cert-tasks/rpc';
import { ALL_PROJECTS } from '@cert-tasks/rpc';
import type { Origin } from '../../domain/event.ts';

/** What the events of a call say of who asked, and how. */
export function callOrigin(ctx: CallContext): Origin {
  return {
    actor: actorOf(ctx),
    action: ctx.method,
    requestId: ctx.requestId,
    traceparent: ctx.traceparent ?? '',
    peerAddress: ctx.peer.address,
    userAgent: ctx.userAgent ?? '',
  };
}

function actorOf({ principal, project }: CallContext): Origin['actor'] {
  switch (principal.kind) {
    case 'anonymous':
      // The access options of cert's contract let nobody in without an identity.
      throw new TypeError('A call without identity has reached a handler.');
    case 'service':
      return { kind: 'service', id: principal.id, roles: [] };
    default: {
      const roles = [ALL_PROJECTS, ...(project === undefined ? [] : [project])].flatMap((of) => [
        ...(principal.roles.get(of) ?? []),
      ]);
      return { kind: principal.kind, id: principal.id, roles: [...new Set(roles)].toSorted() };
    }
  }
}
