import { describe, expect, it } from 'vitest';
import { codeOf } from '../test/x509-failure.ts';
import { TAG } from './der-tag.ts';
import { DerWriter, encodeDer, writeSetOf } from './der-writer.ts';
import { fromHex, toHex } from './octets.ts';

function hex(write: (writer: DerWriter) => void): string {
  return toHex(encodeDer(write));
}

describe('DerWriter', () => {
  it('writes the examples of X.690', () => {
    expect(hex((writer) => writer.boolean(true))).toBe('0101ff');
    expect(hex((writer) => writer.null())).toBe('0500');
    // X.690 section 8.19.5.
    expect(hex((writer) => writer.oid('2.999.3'))).toBe('0603883703');
    expect(hex((writer) => writer.oid('1.2.840.113549.1.1.11'))).toBe('06092a864886f70d01010b');
    expect(hex((writer) => writer.ascii('Smith', TAG.IA5_STRING))).toBe('1605536d697468');
    expect(hex((writer) => writer.utf8('Ä'))).toBe('0c02c384');
  });

  it.each<[bigint, string]>([
    [0n, '020100'],
    [127n, '02017f'],
    [128n, '02020080'],
    [256n, '02020100'],
    [-1n, '0201ff'],
    [-128n, '020180'],
    [-129n, '0202ff7f'],
    [(1n << 64n) - 1n, '020900ffffffffffffffff'],
  ])('writes INTEGER %s in its shortest form', (value, expected) => {
    expect(hex((writer) => writer.integer(value))).toBe(expected);
  });

  it.each<[number, string]>([
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_536, '0483010000'],
  ])('writes a length of %d in its shortest form', (length, expected) => {
    expect(hex((writer) => writer.octetString(new Uint8Array(length))).slice(0, expected.length)).toBe(expected);
  });

  it('writes times as RFC 5280 wants them', () => {
    const at = (iso: string): string =>
      Buffer.from(encodeDer((writer) => writer.time(new Date(iso))).subarray(2)).toString();
    expect(at('2049-12-31T23:59:59Z')).toBe('491231235959Z');
    expect(at('2050-01-01T00:00:00Z')).toBe('20500101000000Z');
    expect(at('1950-01-01T00:00:00Z')).toBe('500101000000Z');
    expect(at('1949-12-31T23:59:59Z')).toBe('19491231235959Z');
    expect(at('9999-12-31T23:59:59Z')).toBe('99991231235959Z');
  });

  it('orders SET OF (X.690 section 11.6)', () => {
    const elements = ['0402ffff', '020101', '0401ff', '020100'].map(fromHex);
    expect(hex((writer) => writeSetOf(writer, elements))).toBe('310d0201000201010401ff0402ffff');
  });

  it('grows, and can be used again', () => {
    const writer = new DerWriter(1);
    for (let round = 0; round < 2; round++) {
      const end = writer.mark();
      for (let i = 0; i < 300; i++) writer.null();
      writer.close(TAG.SEQUENCE, end);
      expect(toHex(writer.finish())).toBe(`30820258${'0500'.repeat(300)}`);
      writer.reset();
    }
  });

  it('refuses what has no encoding', () => {
    expect(codeOf(() => hex((writer) => writer.oid('1.40.1')))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.oid('1')))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.oid('1.2.03')))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.ascii('ä', TAG.IA5_STRING)))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.utf8('\ud800')))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.time(new Date(1))))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.time(new Date(Number.NaN))))).toBe('invalid-argument');
    expect(codeOf(() => hex((writer) => writer.time(new Date('+010000-01-01T00:00:00Z'))))).toBe('invalid-argument');
  });
});
