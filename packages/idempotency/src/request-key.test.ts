import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RequestIdentity, requestHash, requestKey } from './request-key.ts';

const identity = { project: 'acme', principal: 'user:ann', method: 'a.v1.S/M', requestId: 'r1' };

describe('requestKey', () => {
  it('is the hash of the parts, each after its length in four bytes', () => {
    const preimage = Buffer.from('\0\0\0\x04acme\0\0\0\x08user:ann\0\0\0\x08a.v1.S/M\0\0\0\x02r1', 'latin1');
    expect(requestKey(identity)).toEqual(new Uint8Array(createHash('sha256').update(preimage).digest()));
  });

  it('differs where any part differs, also where they run together', () => {
    const part = fc.string({ maxLength: 4 });
    const parts: fc.Arbitrary<RequestIdentity> = fc.record({
      project: part,
      principal: part,
      method: part,
      requestId: fc.string({ minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same =
          a.project === b.project &&
          a.principal === b.principal &&
          a.method === b.method &&
          a.requestId === b.requestId;
        const key = (request: RequestIdentity) => Buffer.from(requestKey(request) ?? []).toString('hex');
        return (key(a) === key(b)) === same;
      }),
    );
    expect(requestKey({ ...identity, project: 'acmeu', principal: 'ser:ann' })).not.toEqual(requestKey(identity));
  });

  it('is none without a request id', () => {
    expect(requestKey({ ...identity, requestId: '' })).toBeUndefined();
  });
});

describe('requestHash', () => {
  it('is SHA-256', () => {
    const bytes = new TextEncoder().encode('abc');
    // FIPS 180-2, appendix B.1.
    expect(Buffer.from(requestHash(bytes)).toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
