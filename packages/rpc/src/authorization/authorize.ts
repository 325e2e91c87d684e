import type { Principal } from '../authentication/principal.ts';
import { CallError } from '../errors/call-error.ts';
import type { AccessPolicy } from './access-policy.ts';
import { rolesGrant } from './roles.ts';

/** Stands for all projects in a resource name; only the platform's own services may say it. */
export const ALL_PROJECTS = '-';

/** The project for which a role counts everywhere, and the one that platform-wide RPCs ask for. */
const EVERY_PROJECT = '*';

/** What {@link authorize} looks at. */
export interface AuthorizationInput {
  readonly principal: Principal;
  readonly policy: AccessPolicy;
  /** The project that the request names; undefined where the RPC names none. */
  readonly project: string | undefined;
}

/**
 * Lets the call pass or throws. Nothing is allowed unless the RPC's access option says so.
 *
 * @throws CallError `permission-denied`, which tells the permission and the project and nothing else.
 */
export function authorize({ principal, policy, project }: AuthorizationInput): void {
  if (policy.anonymous) return;
  if (!isAllowed({ principal, policy, project })) throw denied(policy, project);
}

function isAllowed({ principal, policy, project }: AuthorizationInput): boolean {
  switch (principal.kind) {
    case 'anonymous':
      return false;
    case 'service':
      return policy.services.has(principal.id);
    default: {
      const { permission } = policy;
      if (permission === undefined || project === ALL_PROJECTS) return false;
      if (rolesGrant(principal.roles.get(EVERY_PROJECT), permission)) return true;
      return project !== undefined && rolesGrant(principal.roles.get(project), permission);
    }
  }
}

function denied({ permission }: AccessPolicy, project: string | undefined): CallError {
  const what = permission === undefined ? 'This call is for services of the platform.' : `This needs ${permission}`;
  const where = project === undefined ? 'for the whole platform' : `in project ${project}`;
  return new CallError('permission-denied', permission === undefined ? what : `${what} ${where}.`, {
    metadata: {
      ...(permission !== undefined && { permission }),
      ...(project !== undefined && { project }),
    },
  });
}
