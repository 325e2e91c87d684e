import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTestFile } from '../test/fixture.ts';
import { codeOf, failureOf } from '../test/x509-failure.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { decodePem, decodePemBundle, encodePem, encodePemBundle } from './pem.ts';

describe('base64', () => {
  it('agrees with node', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        const text = toBase64(octets);
        expect(text).toBe(Buffer.from(octets).toString('base64'));
        expect(fromBase64(text)).toEqual(octets);
      }),
    );
  });
  it.each(['A', 'AA', 'AAA', 'AB==', 'AAB=', '====', 'A===', 'AA=A', 'AA A', 'AA-_', 'AAA\u0100', 'AAAA='])(
    'refuses %s',
    (text) => {
      expect(fromBase64(text)).toBeUndefined();
    },
  );
});

describe('PEM', () => {
  it('is written as openssl writes it', () => {
    for (const [file, label] of [
      ['root', 'CERTIFICATE'],
      ['csr-p256', 'CERTIFICATE REQUEST'],
      ['crl-entries', 'X509 CRL'],
    ] as const) {
      const text = readTestFile(`fixtures/${file}.pem`);
      expect(encodePem(label, decodePem(text, label))).toBe(text);
    }
  });

  it('comes back for any length', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 150 }), { maxLength: 5 }), (ders) => {
        expect(decodePemBundle(encodePemBundle('CERTIFICATE', ders), 'CERTIFICATE')).toEqual(ders);
      }),
    );
  });

  const block = encodePem('CERTIFICATE', new Uint8Array(100).fill(1));

  it('is read with CRLF, without a last line feed, and amid explanatory text', () => {
    expect(decodePem(block.replaceAll('\n', '\r\n'), 'CERTIFICATE')).toHaveLength(100);
    expect(decodePem(block.trimEnd(), 'CERTIFICATE')).toHaveLength(100);
    expect(decodePemBundle(`subject=CN = a\n${block}\nissuer\n${block}end\n`, 'CERTIFICATE')).toHaveLength(2);
  });

  it.each([
    ['another label', block.replaceAll('CERTIFICATE', 'PUBLIC KEY')],
    ['no block', 'nothing here'],
    ['two blocks', block + block],
    ['no end', block.replace('-----END CERTIFICATE-----\n', '')],
    ['an end of another label', block.replace('END CERTIFICATE', 'END X509 CRL')],
    ['a begin in the block', block.replace('AQ', '-----BEGIN CERTIFICATE-----\nAQ')],
    ['a header', block.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n')],
    ['a blank line', block.replace('-----\n', '-----\n\n')],
    ['a short first line', block.replace('AQEB', 'AQE\nB')],
    ['a long line', block.replace(/([A-Za-z0-9+/]{64})\n/, '$1')],
    ['a space at the end of a line', block.replace(/([A-Za-z0-9+/]{64})\n/, '$1 \n')],
    [
      'a space before the boundary dashes',
      block.replace('-----BEGIN CERTIFICATE-----', '-----BEGIN  CERTIFICATE-----'),
    ],
    ['base64 that is not canonical', '-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n'],
    ['nothing inside', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
  ])('is refused with %s', (_name, text) => {
    expect(codeOf(() => decodePem(text, 'CERTIFICATE'))).toBe('invalid-pem');
  });

  it('is bounded', () => {
    expect(codeOf(() => decodePemBundle(block.repeat(3), 'CERTIFICATE', { maxLength: 10_000, maxBlocks: 2 }))).toBe(
      'limit-exceeded',
    );
    expect(codeOf(() => decodePemBundle(block, 'CERTIFICATE', { maxLength: 100, maxBlocks: 2 }))).toBe(
      'limit-exceeded',
    );
    expect(failureOf(() => decodePem('-----BEGIN CERTIFICATE-----\n', 'CERTIFICATE')).message).toContain('line 1');
  });

  it('is read in linear time', () => {
    const text = '-----BEGIN CERTIFICATE-----\n'.repeat(30_000);
    const start = performance.now();
    expect(codeOf(() => decodePemBundle(text, 'CERTIFICATE'))).toBe('invalid-pem');
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
