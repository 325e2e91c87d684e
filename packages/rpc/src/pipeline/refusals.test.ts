import { describe, expect, it } from 'vitest';
import { RefusalFloodControl } from './refusals.ts';

describe('RefusalFloodControl', () => {
  it('lets one of each peer and method through in a minute and counts the others', () => {
    const control = new RefusalFloodControl({ maxTracked: 10 });
    const call = { peer: '10.0.0.1', method: 'S/M' };
    expect(control.admit(call, 0)).toBe(0);
    expect(control.admit(call, 1)).toBeUndefined();
    expect(control.admit(call, 59_999)).toBeUndefined();
    expect(control.admit({ ...call, peer: '10.0.0.2' }, 2)).toBe(0);
    expect(control.admit({ ...call, method: 'S/N' }, 2)).toBe(0);
    expect(control.admit(call, 60_000)).toBe(2);
    expect(control.admit(call, 60_001)).toBeUndefined();
  });

  it('is bounded: the one reported longest ago makes room', () => {
    const control = new RefusalFloodControl({ maxTracked: 2 });
    for (const peer of ['a', 'b', 'c']) control.admit({ peer, method: 'm' }, 0);
    expect(control.admit({ peer: 'c', method: 'm' }, 1)).toBeUndefined();
    expect(control.admit({ peer: 'a', method: 'm' }, 1)).toBe(0);
  });
});
