import type { Role } from '../authorization/roles.ts';

/** The platform's own services, as their client certificates and the access options name them. */
export const SERVICE_NAMES = ['cert', 'signer', 'task-scheduler', 'audit'] as const;

/** One of the platform's own services. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Whether the text names one of the platform's own services. */
export function isServiceName(text: string): text is ServiceName {
  return SERVICE_NAMES.some((name) => name === text);
}

/** A person or an outside service, known by a token. */
export interface UserPrincipal {
  readonly kind: 'user' | 'admin' | 'service_acc';
  /** The token's subject. */
  readonly id: string;
  /** Roles by project; `*` stands for every project and for what belongs to none. */
  readonly roles: ReadonlyMap<string, ReadonlySet<Role>>;
}

/** One of the platform's own services, known by its client certificate. */
export interface ServicePrincipal {
  readonly kind: 'service';
  readonly id: ServiceName;
}

/** Nobody: the caller of an RPC that needs no identity. */
export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Who calls. */
export type Principal = UserPrincipal | ServicePrincipal | AnonymousPrincipal;

/** The caller where no identity is needed. */
export const ANONYMOUS: AnonymousPrincipal = { kind: 'anonymous' };

/** The principal's id for logs and audit events; empty for nobody. */
export function principalId(principal: Principal): string {
  return principal.kind === 'anonymous' ? '' : principal.id;
}
