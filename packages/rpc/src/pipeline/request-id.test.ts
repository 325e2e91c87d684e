import { systemClock, systemRandomBytes } from '@cert-tasks/kernel';
import { describe, expect, it } from 'vitest';
import { requestIdFrom } from './request-id.ts';

const SOURCE = { clock: systemClock, randomBytes: systemRandomBytes };
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('requestIdFrom', () => {
  it.each(['a', 'Req-1.2:3_4', 'x'.repeat(128)])('keeps %s', (id) => {
    expect(requestIdFrom(id, SOURCE)).toBe(id);
  });

  it.each([undefined, '', 'x'.repeat(129), 'a b', 'a\nb', '{"a":1}', 'ä'])('makes one instead of %j', (id) => {
    expect(requestIdFrom(id, SOURCE)).toMatch(UUID_V7);
  });
});
