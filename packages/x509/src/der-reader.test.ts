import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf, failureOf } from '../test/x509-failure.ts';
import { DerReader } from './der-reader.ts';
import { TAG } from './der-tag.ts';
import { encodeDer } from './der-writer.ts';
import { fromHex } from './octets.ts';
import type { X509ErrorCode } from './x509-error.ts';

function reader(hex: string): DerReader {
  return DerReader.over(fromHex(hex.replaceAll(' ', '')));
}

function readAll(hex: string, read: (reader: DerReader) => unknown): unknown {
  const input = reader(hex);
  const value = read(input);
  input.finish();
  return value;
}

describe('DerReader', () => {
  it.each<[string, string, (reader: DerReader) => unknown, X509ErrorCode]>([
    ['nothing', '', (r) => r.skip(), 'truncated'],
    ['no length', '02', (r) => r.skip(), 'truncated'],
    ['content past the end', '02 02 01', (r) => r.skip(), 'truncated'],
    ['cut long length', '04 82 01', (r) => r.skip(), 'truncated'],
    ['indefinite length', '30 80 00 00', (r) => r.skip(), 'invalid-length'],
    ['long form for a short length', '04 81 01 00', (r) => r.skip(), 'invalid-length'],
    ['leading zero in the length', `04 82 00 80 ${'00'.repeat(128)}`, (r) => r.skip(), 'invalid-length'],
    ['length of five octets', '04 85 01 00 00 00 00', (r) => r.skip(), 'invalid-length'],
    ['reserved length octet', '04 ff', (r) => r.skip(), 'invalid-length'],
    ['high tag number', '1f 81 01 00', (r) => r.skip(), 'unexpected-tag'],
    ['another tag', '04 00', (r) => r.readValue(TAG.INTEGER), 'unexpected-tag'],
    ['trailing octet', '05 00 00', (r) => r.readNull(), 'trailing-bytes'],
    ['NULL with content', '05 01 00', (r) => r.readNull(), 'invalid-value'],
    ['BOOLEAN 01', '01 01 01', (r) => r.readBoolean(), 'invalid-value'],
    ['BOOLEAN of two octets', '01 02 ff ff', (r) => r.readBoolean(), 'invalid-value'],
    ['empty BOOLEAN', '01 00', (r) => r.readBoolean(), 'invalid-value'],
    ['empty INTEGER', '02 00', (r) => r.readIntegerOctets(), 'invalid-value'],
    ['padded positive INTEGER', '02 02 00 7f', (r) => r.readIntegerOctets(), 'invalid-value'],
    ['padded negative INTEGER', '02 02 ff 80', (r) => r.readIntegerOctets(), 'invalid-value'],
    ['INTEGER over its bound', '02 03 01 00 00', (r) => r.readInteger(2), 'limit-exceeded'],
    ['negative small INTEGER', '02 01 ff', (r) => r.readSmallInteger(255), 'invalid-value'],
    ['small INTEGER over its bound', '02 02 01 00', (r) => r.readSmallInteger(255), 'invalid-value'],
    ['huge small INTEGER', '02 09 01 00 00 00 00 00 00 00 01', (r) => r.readSmallInteger(255), 'invalid-value'],
    ['BIT STRING without count', '03 00', (r) => r.readBitString(), 'invalid-value'],
    ['BIT STRING with 8 unused bits', '03 02 08 00', (r) => r.readBitString(), 'invalid-value'],
    ['empty BIT STRING with unused bits', '03 01 01', (r) => r.readBitString(), 'invalid-value'],
    ['BIT STRING with padding set', '03 02 01 01', (r) => r.readBitString(), 'invalid-value'],
    ['BIT STRING that is not whole octets', '03 02 01 00', (r) => r.readBitStringOctets(), 'invalid-value'],
    ['named bits ending in zero', '03 02 06 80', (r) => r.readNamedBits(), 'invalid-value'],
    ['named bits ending in a zero octet', '03 03 07 80 00', (r) => r.readNamedBits(), 'invalid-value'],
    ['empty OID', '06 00', (r) => r.readOid(), 'invalid-oid'],
    ['cut OID', '06 02 2a 86', (r) => r.readOid(), 'invalid-oid'],
    ['padded OID', '06 03 2a 80 01', (r) => r.readOid(), 'invalid-oid'],
    ['OID of 65 octets', `06 41 ${'2a'.repeat(65)}`, (r) => r.readOid(), 'invalid-oid'],
    ['8-bit character', '16 01 80', (r) => r.readAscii(TAG.IA5_STRING), 'invalid-string'],
    [
      'UTCTime without seconds',
      '17 0b 3236303130313030303 05a'.replaceAll(' ', ''),
      (r) => r.readTime(),
      'invalid-time',
    ],
    ['UTCTime with an offset', `17 11 ${text('260101000000+0100')}`, (r) => r.readTime(), 'invalid-time'],
    ['UTCTime of 30 February', `17 0d ${text('260230000000Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['UTCTime of 29 February 2025', `17 0d ${text('250229000000Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['UTCTime at 24:00', `17 0d ${text('260101240000Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['UTCTime with a leap second', `17 0d ${text('261231235960Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['UTCTime with a space', `17 0d ${text('26010100000 Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['GeneralizedTime with a fraction', `18 11 ${text('20500101000000.1Z')}`, (r) => r.readTime(), 'invalid-time'],
    ['no time at all', '04 00', (r) => r.readTime(), 'unexpected-tag'],
  ])('refuses %s', (_name, hex, read, code) => {
    expect(codeOf(() => readAll(hex, read))).toBe(code);
  });

  it('reads and notes a GeneralizedTime before 2050, which binds issuers only', () => {
    const reader = DerReader.over(fromHex(`180f${Buffer.from('20491231235959Z').toString('hex')}`));
    expect(reader.readTime()).toBe(Date.UTC(2049, 11, 31, 23, 59, 59));
    expect(reader.sawEarlyGeneralizedTime).toBe(true);
  });

  it('reads what is right', () => {
    expect(readAll('01 01 ff', (r) => r.readBoolean())).toBe(true);
    expect(readAll('01 01 00', (r) => r.readBoolean())).toBe(false);
    expect(readAll('02 02 00 80', (r) => r.readInteger(20))).toBe(128n);
    expect(readAll('02 01 80', (r) => r.readInteger(20))).toBe(-128n);
    expect(readAll('02 02 ff 7f', (r) => r.readInteger(20))).toBe(-129n);
    expect(readAll('06 06 2a 86 48 86 f7 0d', (r) => r.readOid())).toBe('1.2.840.113549');
    // X.690 section 8.19.5: {2 999 3}.
    expect(readAll('06 03 88 37 03', (r) => r.readOid())).toBe('2.999.3');
    expect(readAll('03 02 07 80', (r) => r.readNamedBits())).toBe(1);
    expect(readAll('03 03 07 06 80', (r) => r.readNamedBits())).toBe(0b1_0110_0000);
    expect(readAll('03 01 00', (r) => r.readNamedBits())).toBe(0);
  });

  it('places errors in the outermost input', () => {
    const failure = failureOf(() => {
      const outer = reader('30 08 02 01 05 30 03 02 01 05');
      const inner = outer.enter(TAG.SEQUENCE);
      inner.path = 'inner';
      inner.readIntegerOctets();
      inner.enter(TAG.SEQUENCE).readBoolean();
    });
    expect([failure.offset, failure.path, failure.code]).toEqual([7, 'inner', 'unexpected-tag']);
    expect(failure.message).toContain('at offset 7');
    const based = failureOf(() => DerReader.over(fromHex('0200'), { baseOffset: 100 }).readIntegerOctets());
    expect(based.offset).toBe(100);
  });

  it('bounds size, depth and number of elements', () => {
    const limits = { maxBytes: 64, maxDepth: 3, maxElements: 5 };
    expect(codeOf(() => DerReader.over(new Uint8Array(65), { limits }))).toBe('limit-exceeded');
    expect(
      codeOf(() => {
        let nested = DerReader.over(fromHex('30063004300230 00'.replace(' ', '')), { limits });
        for (let depth = 0; depth < 4; depth++) nested = nested.enter(TAG.SEQUENCE);
      }),
    ).toBe('limit-exceeded');
    expect(
      codeOf(() => {
        const flat = DerReader.over(fromHex('0500'.repeat(6)), { limits });
        while (!flat.atEnd) flat.readNull();
      }),
    ).toBe('limit-exceeded');
  });

  it('does not read past the element it was entered from', () => {
    const outer = reader('30 02 04 04 aa bb cc dd');
    expect(codeOf(() => outer.enter(TAG.SEQUENCE).skip())).toBe('truncated');
  });

  it('reads back what the writer writes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }), (value) => {
        const input = DerReader.over(encodeDer((writer) => writer.integer(value)));
        expect(input.readInteger(64)).toBe(value);
        input.finish();
      }),
    );
    fc.assert(
      fc.property(
        fc.nat({ max: 2 }),
        fc.bigInt({ min: 0n, max: 39n }),
        fc.array(fc.bigInt({ min: 0n, max: 1n << 70n }), { maxLength: 5 }),
        (first, second, rest) => {
          const oid = [first, second, ...rest].join('.');
          expect(DerReader.over(encodeDer((writer) => writer.oid(oid))).readOid()).toBe(oid);
        },
      ),
    );
    fc.assert(
      fc.property(fc.nat({ max: 70_000 }), (length) => {
        const content = new Uint8Array(length).fill(7);
        expect(DerReader.over(encodeDer((writer) => writer.octetString(content))).readValue(TAG.OCTET_STRING)).toEqual(
          content,
        );
      }),
      { numRuns: 30 },
    );
    fc.assert(
      fc.property(fc.nat({ max: (1 << 23) - 1 }), (bits) => {
        expect(DerReader.over(encodeDer((writer) => writer.namedBits(bits))).readNamedBits()).toBe(bits);
      }),
    );
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (date) => {
          const whole = new Date(Math.floor(date.getTime() / 1000) * 1000);
          expect(DerReader.over(encodeDer((writer) => writer.generalizedTime(whole))).readGeneralizedTime()).toBe(
            whole.getTime(),
          );
          if (whole.getUTCFullYear() >= 1950) {
            expect(DerReader.over(encodeDer((writer) => writer.time(whole))).readTime()).toBe(whole.getTime());
          }
        },
      ),
    );
  });
});

function text(ascii: string): string {
  return Array.from(ascii, (character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
