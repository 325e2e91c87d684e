import { describe, expect, it } from 'vitest';
import { REVOCATION_REASONS, reasonFromCode } from './revocation-reason.ts';

describe('revocation reasons', () => {
  it('go to their codes and back, 0 included', () => {
    for (const [reason, code] of Object.entries(REVOCATION_REASONS)) expect(reasonFromCode(code)).toBe(reason);
    expect(reasonFromCode(0)).toBe('not-stated');
    expect(reasonFromCode(6)).toBeUndefined();
    expect(reasonFromCode(7)).toBeUndefined();
  });
});
