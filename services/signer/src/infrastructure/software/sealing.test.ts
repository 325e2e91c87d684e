import { createCipheriv, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { associatedData, seal, unseal } from './sealing.ts';
import { SecretBytes } from './secret-bytes.ts';

const KEY_BYTES = Uint8Array.from(randomBytes(32));
const AAD = associatedData(['who', 'what']);

function secret(bytes: Uint8Array): SecretBytes {
  return new SecretBytes(bytes.slice());
}

function sealed(plain: string): Uint8Array {
  return seal({ key: secret(KEY_BYTES), plain: secret(Buffer.from(plain)), associatedData: AAD, randomBytes });
}

function opened(bytes: Uint8Array, { key = KEY_BYTES, aad = AAD } = {}): string | undefined {
  return unseal({ key: secret(key), sealed: bytes, associatedData: aad })?.expose((plain) =>
    Buffer.from(plain).toString(),
  );
}

describe('sealing', () => {
  test('what was sealed opens, and looks as ADR 2 says', () => {
    const nonce = Uint8Array.from({ length: 12 }, (_, i) => i);
    const cipher = createCipheriv('aes-256-gcm', KEY_BYTES, nonce);
    cipher.setAAD(AAD);
    const body = Buffer.concat([cipher.update('a key'), cipher.final()]);
    const expected = Buffer.concat([Buffer.from([1]), nonce, body, cipher.getAuthTag()]);
    const actual = seal({
      key: secret(KEY_BYTES),
      plain: secret(Buffer.from('a key')),
      associatedData: AAD,
      randomBytes: () => nonce,
    });
    expect(Buffer.from(actual)).toEqual(expected);
    expect(opened(actual)).toBe('a key');
  });

  test('no bit may change, none be missing, none too many', () => {
    const whole = sealed('a key');
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = whole.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(opened(flipped)).toBeUndefined();
    }
    for (let length = 0; length < whole.length; length++) expect(opened(whole.subarray(0, length))).toBeUndefined();
    expect(opened(new Uint8Array([...whole, 0]))).toBeUndefined();
  });

  test('another key and other associated data do not open it', () => {
    expect(opened(sealed('a key'), { key: Uint8Array.from(randomBytes(32)) })).toBeUndefined();
    expect(opened(sealed('a key'), { aad: associatedData(['who', 'else']) })).toBeUndefined();
  });

  test('parts of associated data cannot be shifted into one another', () => {
    expect(associatedData(['ab', 'c'])).not.toEqual(associatedData(['a', 'bc']));
    expect(associatedData(['a', new Uint8Array([0xff])])).toEqual(new Uint8Array([0, 0, 0, 1, 0x61, 0, 0, 0, 1, 0xff]));
  });
});

describe('SecretBytes', () => {
  test('shows nothing in any way of printing', () => {
    const bytes = new SecretBytes(new Uint8Array([0xde, 0xad, 0xbe, 0xef]));
    const shown = [String(bytes), JSON.stringify({ bytes }), inspect(bytes, { showHidden: true }), inspect({ bytes })];
    for (const text of shown) expect(text).not.toMatch(/222|173|190|239|dead|de ad/i);
  });

  test('is zero after wiping', () => {
    const memory = new Uint8Array([1, 2, 3]);
    new SecretBytes(memory).wipe();
    expect(memory).toEqual(new Uint8Array(3));
  });
});
