import { describe, expect, it } from 'vitest';
import { createCallLimiter } from './call-limits.ts';

function limiter(limits: Parameters<typeof createCallLimiter>[0]['limits']) {
  const met: string[] = [];
  return { met, calls: createCallLimiter({ limits, onLimit: (limit) => met.push(limit), monotonicMs: () => 0 }) };
}

describe('createCallLimiter', () => {
  it('takes as many as there are slots, and counts long polls apart', () => {
    const { calls, met } = limiter({ maxInFlight: 1, maxWaiting: 1 });
    const leave = calls.enter(false);
    calls.enter(true);
    expect(() => calls.enter(false)).toThrow(expect.objectContaining({ code: 'too-many-calls', retryAfterMs: 500 }));
    expect(() => calls.enter(true)).toThrow(expect.objectContaining({ code: 'too-many-calls' }));
    leave();
    leave();
    calls.enter(false);
    expect(() => calls.enter(false)).toThrow();
    expect(met).toEqual(['in_flight', 'waiting', 'in_flight']);
  });

  it('has no rates unless it is given some', () => {
    const { calls } = limiter({});
    for (let n = 0; n < 100_000; n++) {
      calls.takePeer('10.0.0.1');
      calls.takePrincipal('user alice');
    }
  });

  it('limits peers and principals each by their own rate', () => {
    const { calls, met } = limiter({ perPeer: { perSecond: 1, burst: 1 }, perPrincipal: { perSecond: 1, burst: 2 } });
    calls.takePeer('10.0.0.1');
    expect(() => calls.takePeer('10.0.0.1')).toThrow(
      expect.objectContaining({ code: 'rate-limited', retryAfterMs: 1_000 }),
    );
    calls.takePrincipal('user alice');
    calls.takePrincipal('user alice');
    expect(() => calls.takePrincipal('user alice')).toThrow(expect.objectContaining({ code: 'rate-limited' }));
    expect(met).toEqual(['peer_rate', 'principal_rate']);
  });
});
