import { afterEach, expect, test, vi } from 'vitest';
import { armFailpoint, failpoint } from './failpoint.ts';
import { FAILPOINTS, isFailpointName } from './failpoints.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(['cert.issue', 'toString', ' cert.issue.after-intent', 'x'.repeat(10_000)])('does not arm %j', (name) => {
  const refusal = expect(() => armFailpoint({ name, nodeEnv: 'test' }));
  refusal.toThrow(expect.objectContaining({ name: 'FailpointError', code: 'unknown-failpoint' }));
});

test.each(['cert.issue.after-intent', 'nonsense'])('refuses %s in production', (name) => {
  const refusal = expect(() => armFailpoint({ name, nodeEnv: 'production' }));
  refusal.toThrow(expect.objectContaining({ name: 'FailpointError', code: 'refused-in-production' }));
});

test('is without effect when nothing was armed', () => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw new Error('died');
  });
  armFailpoint({ name: undefined, nodeEnv: 'production' });
  armFailpoint({ name: '', nodeEnv: undefined });
  for (const name of Object.keys(FAILPOINTS)) if (isFailpointName(name)) failpoint(name);
  expect(kill).not.toHaveBeenCalled();
});

test('kills this process at the armed one and at no other', () => {
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw new Error('died');
  });
  armFailpoint({ name: 'audit.sequence.after-commit', nodeEnv: undefined });
  const deadly = Object.keys(FAILPOINTS).filter((name) => {
    try {
      if (isFailpointName(name)) failpoint(name);
      return false;
    } catch {
      return true;
    }
  });
  expect(deadly).toEqual(['audit.sequence.after-commit']);
  expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid, 'SIGKILL');
});
