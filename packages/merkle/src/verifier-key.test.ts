import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARCHE, FOO, GO } from '../test/published-notes.ts';
import { formatVerifierKey, keyId, parseVerifierKey } from './verifier-key.ts';

const code = (expected: string) => expect.objectContaining({ name: 'MerkleError', code: expected });
const PUBLIC_KEY = new Uint8Array(32).fill(0xaa);

describe('verifier keys', () => {
  it.each([FOO.vkey, GO.peter.vkey, GO.enoch.vkey, ARCHE.log, ...ARCHE.witnesses])('%s is read and written', (vkey) => {
    const key = parseVerifierKey(vkey);
    expect(formatVerifierKey(key)).toBe(vkey);
    expect(keyId(key).toString(16).padStart(8, '0')).toBe(vkey.split('+')[1]);
  });

  it('have name, type and key as published', () => {
    const { publicKey, ...rest } = parseVerifierKey(FOO.vkey);
    expect(rest).toStrictEqual({ name: 'example.com/foo', type: 'ed25519' });
    expect(Buffer.from(publicKey).toString('hex')).toBe(FOO.publicKey);
    expect(parseVerifierKey(ARCHE.witnesses[0]).type).toBe('cosignature/v1');
  });

  it('differ in id by type, so that one key can do both', () => {
    const ids = (['ed25519', 'cosignature/v1'] as const).map((type) =>
      keyId({ name: 'a', type, publicKey: PUBLIC_KEY }),
    );
    expect(new Set(ids).size).toBe(2);
  });

  it('come back from their text, whatever the name', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((n) => !/[+\p{White_Space}\p{Cc}]/u.test(n));
    const type = fc.constantFrom('ed25519' as const, 'cosignature/v1' as const);
    fc.assert(
      fc.property(name, type, fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, type, publicKey) => {
        expect(parseVerifierKey(formatVerifierKey({ name, type, publicKey }))).toStrictEqual({ name, type, publicKey });
      }),
    );
  });

  it.each([
    ['nothing', '', 'INVALID_KEY'],
    ['no name', '+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k', 'INVALID_KEY'],
    ['another name', FOO.vkey.replace('foo', 'bar'), 'INVALID_KEY'],
    ['another id', FOO.vkey.replace('530d903a', '530d903b'), 'INVALID_KEY'],
    ['an upper-case id', FOO.vkey.replace('530d903a', '530D903A'), 'INVALID_KEY'],
    ['a short id', FOO.vkey.replace('530d903a', '530d903'), 'INVALID_KEY'],
    ['another key', FOO.vkey.replace('AekyeR', 'AekyeS'), 'INVALID_KEY'],
    ['a short key', FOO.vkey.replace('3U2k', ''), 'INVALID_KEY'],
    ['no key', 'example.com/foo+530d903a+', 'INVALID_KEY'],
    ['base64 of another alphabet', GO.peter.vkey.replace('/', '_'), 'INVALID_KEY'],
    ['a newline after it', `${FOO.vkey}\n`, 'INVALID_KEY'],
    ['a space in the name', FOO.vkey.replace('example.com/', 'example.com/ '), 'INVALID_KEY'],
    ['endless length', `${FOO.vkey}${'A'.repeat(100_000)}`, 'INVALID_KEY'],
    ['the type of an ECDSA key', 'a+00000000+AqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqQ==', 'INVALID_KEY'],
    [
      'an unknown type',
      `a+00000000+${Buffer.concat([Uint8Array.of(6), PUBLIC_KEY]).toString('base64')}`,
      'UNSUPPORTED_KEY',
    ],
  ])('with %s are refused', (_, vkey, expected) => {
    expect(() => parseVerifierKey(vkey)).toThrowError(code(expected));
  });

  it.each(['', 'a b', 'a+b', 'a\u00a0b', 'a\u2003b', 'a\nb', 'a\u0000b', 'a\u0085b', '\ud800'])(
    'cannot be named %j',
    (name) => {
      expect(() => keyId({ name, type: 'ed25519', publicKey: PUBLIC_KEY })).toThrowError(code('INVALID_KEY'));
    },
  );

  it.each([0, 31, 33, 44])('cannot be %i bytes', (size) => {
    const key = { name: 'a', type: 'ed25519', publicKey: new Uint8Array(size) } as const;
    expect(() => formatVerifierKey(key)).toThrowError(code('INVALID_KEY'));
  });
});
