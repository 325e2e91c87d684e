import { describe, expect, it } from 'vitest';
import { isPermission, PERMISSIONS, type Permission, type Role, rolesGrant } from './roles.ts';

/** The whole table once more, by role, written down by hand: a change of rights is to be made in two places. */
const READ: Permission[] = ['authorities.read', 'certificates.read', 'keys.read', 'tasks.read', 'schedules.read'];
const OPERATE: Permission[] = [
  'certificates.issue',
  'certificates.renew',
  'certificates.revoke',
  'tasks.create',
  'tasks.cancel',
  'tasks.work',
  'schedules.create',
  'schedules.delete',
];
const GRANTS: Record<Role, Permission[]> = {
  viewer: READ,
  auditor: [...READ, 'audit.read'],
  operator: [...READ, ...OPERATE],
  admin: [...READ, ...OPERATE, 'audit.read', 'authorities.create', 'keys.create', 'keys.disable'],
};

describe('roles', () => {
  it.each(Object.entries(GRANTS))('%s has its permissions and no others', (role, expected) => {
    const granted = Object.keys(PERMISSIONS).filter(
      (permission) => isPermission(permission) && rolesGrant(new Set([role as Role]), permission),
    );
    expect(granted.sort()).toEqual([...expected].sort());
  });

  it('grant nothing to nobody', () => {
    expect(rolesGrant(undefined, 'audit.read')).toBe(false);
    expect(rolesGrant(new Set(), 'audit.read')).toBe(false);
    expect(isPermission('toString')).toBe(false);
  });
});
