import { describe, expect, it } from 'vitest';
import { renewalWindow } from './renewal-window.ts';

const notBefore = new Date('2026-01-01T00:00:00Z');
const notAfter = new Date(notBefore.getTime() + 12_000_000);

describe('renewalWindow', () => {
  it('opens between eight and nine twelfths of the life, by the jitter, and closes at eleven', () => {
    const at = (jitter: number) => renewalWindow({ notBefore, notAfter, jitter });
    expect(at(0)).toEqual({
      start: new Date(notBefore.getTime() + 8_000_000),
      end: new Date(notBefore.getTime() + 11_000_000),
    });
    expect(at(0.5).start).toEqual(new Date(notBefore.getTime() + 8_500_000));
    expect(at(0.999_999).start.getTime()).toBeLessThan(notBefore.getTime() + 9_000_000);
  });
});
