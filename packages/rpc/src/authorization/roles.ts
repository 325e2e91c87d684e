/** What a token may give its bearer in a project. */
export const ROLES = ['viewer', 'operator', 'admin', 'auditor'] as const;

/** A role in a project. */
export type Role = (typeof ROLES)[number];

/** Whether the text names a role. */
export function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text);
}

/**
 * Every permission of the platform and the roles that grant it. This table is the whole of it: what is not here is denied,
 * and a service with an RPC whose permission is not here does not start.
 */
export const PERMISSIONS = {
  'authorities.read': ['viewer', 'operator', 'auditor', 'admin'],
  'certificates.read': ['viewer', 'operator', 'auditor', 'admin'],
  'keys.read': ['viewer', 'operator', 'auditor', 'admin'],
  'tasks.read': ['viewer', 'operator', 'auditor', 'admin'],
  'schedules.read': ['viewer', 'operator', 'auditor', 'admin'],
  'audit.read': ['auditor', 'admin'],
  'certificates.issue': ['operator', 'admin'],
  'certificates.renew': ['operator', 'admin'],
  'certificates.revoke': ['operator', 'admin'],
  'tasks.create': ['operator', 'admin'],
  'tasks.cancel': ['operator', 'admin'],
  'tasks.work': ['operator', 'admin'],
  'schedules.create': ['operator', 'admin'],
  'schedules.delete': ['operator', 'admin'],
  'authorities.create': ['admin'],
  'keys.create': ['admin'],
  'keys.disable': ['admin'],
} as const satisfies Readonly<Record<string, readonly Role[]>>;

/** A permission that an access option may ask for. */
export type Permission = keyof typeof PERMISSIONS;

/** Whether the text names a permission. */
export function isPermission(text: string): text is Permission {
  return Object.hasOwn(PERMISSIONS, text);
}

/** Whether one of the roles grants the permission. */
export function rolesGrant(roles: ReadonlySet<Role> | undefined, permission: Permission): boolean {
  return roles !== undefined && PERMISSIONS[permission].some((role) => roles.has(role));
}
