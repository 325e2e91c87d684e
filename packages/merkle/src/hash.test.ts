import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { emptyRoot, leafHash, nodeHash } from './hash.ts';
import { MerkleError } from './merkle-error.ts';

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

describe('RFC 6962 hashing', () => {
  // transparency-dev/merkle, rfc6962/rfc6962_test.go.
  it('gives the known leaf hashes and empty root', () => {
    expect(hex(emptyRoot())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex(leafHash(new Uint8Array(0)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    expect(hex(leafHash(Buffer.from('L123456')))).toBe(
      '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
    );
  });

  // transparency-dev/merkle, testonly/constants.go: the first two leaves and their parent.
  it('gives the known hash of a node', () => {
    const left = bytes('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    const right = bytes('96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7');
    expect(hex(nodeHash(left, right))).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125');
  });

  it.each([0, 1, 1022, 1023, 1024, 1025, 65_535])('hashes a leaf of %i bytes as prefix and data', (size) => {
    const data = new Uint8Array(size).fill(0xa5);
    const expected = createHash('sha256').update(Uint8Array.of(0)).update(data).digest('hex');
    expect(hex(leafHash(data))).toBe(expected);
    expect(hex(leafHash(data))).toBe(expected);
  });

  it('gives plain arrays of their own', () => {
    const first = leafHash(Uint8Array.of(1));
    const copy = Uint8Array.from(first);
    leafHash(Uint8Array.of(2));
    expect(first).toStrictEqual(copy);
    expect(first.buffer.byteLength).toBe(32);
    emptyRoot().fill(0);
    expect(hex(emptyRoot())).toMatch(/^e3b0c442/);
  });

  it.each([0, 31, 33, 64])('refuses a child of %i bytes on either side', (size) => {
    const good = new Uint8Array(32);
    const bad = new Uint8Array(size);
    for (const pair of [() => nodeHash(bad, good), () => nodeHash(good, bad)]) {
      expect(pair).toThrowError(expect.objectContaining({ code: 'INVALID_HASH' }));
      expect(pair).toThrowError(MerkleError);
    }
  });
});
