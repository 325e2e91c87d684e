import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFixture, readTestFile } from '../test/fixture.ts';
import { codeOf } from '../test/x509-failure.ts';
import { parseCertificate } from './certificate.ts';
import { TAG } from './der-tag.ts';
import { encodeDer, writeSetOf } from './der-writer.ts';
import { buildName, isEmptyName, type Name, nameValues, parseName } from './name.ts';
import { isNameWithin, nameKey, sameName } from './name-comparison.ts';
import { formatName, parseNameString } from './name-string.ts';
import { equalOctets, fromHex, toHex } from './octets.ts';

/** A name of one attribute with any string type. */
function nameOf(oid: string, tag: number, value: Uint8Array): Name {
  return parseName(
    encodeDer((writer) => {
      const attribute = encodeDer((inner) => {
        const end = inner.mark();
        inner.element(tag, value);
        inner.oid(oid);
        inner.close(TAG.SEQUENCE, end);
      });
      writeSetOf(writer, [attribute]);
      writer.close(TAG.SEQUENCE, 0);
    }),
  );
}

function cn(text: string, tag: number = TAG.UTF8_STRING): Name {
  return nameOf('2.5.4.3', tag, new TextEncoder().encode(text));
}

describe('buildName', () => {
  it('writes the same octets as openssl', () => {
    const root = parseCertificate(readFixture('root'));
    const built = buildName([
      { type: 'C', value: 'DE' },
      { type: 'O', value: 'Beispiel GmbH' },
      { type: 'CN', value: 'Prüf-Wurzel' },
    ]);
    expect(toHex(built.der)).toBe(toHex(root.subject.der));
  });

  it('chooses string types by attribute', () => {
    const tags = (['C', 'serialNumber', 'DC', 'emailAddress', 'CN', 'O'] as const).map(
      (type) => buildName([{ type, value: type === 'C' ? 'DE' : 'a' }]).rdns[0]?.[0]?.valueTag,
    );
    expect(tags).toEqual([0x13, 0x13, 0x16, 0x16, 0x0c, 0x0c]);
  });

  it('writes multi-valued RDNs in DER order whatever the order given', () => {
    const one = buildName([
      [
        { type: 'CN', value: 'a' },
        { type: 'UID', value: 'b' },
      ],
    ]);
    const other = buildName([
      [
        { type: 'UID', value: 'b' },
        { type: 'CN', value: 'a' },
      ],
    ]);
    expect(equalOctets(one.der, other.der)).toBe(true);
    expect(one.rdns).toHaveLength(1);
  });

  it.each([
    ['a country of three letters', [{ type: 'C', value: 'DEU' }]],
    ['an empty value', [{ type: 'CN', value: '' }]],
    ['a value over its bound', [{ type: 'CN', value: 'x'.repeat(65) }]],
    ['a control character', [{ type: 'CN', value: 'a\u0000b' }]],
    ['a non-printable serial number', [{ type: 'serialNumber', value: 'ä' }]],
    ['a mailbox outside ASCII', [{ type: 'emailAddress', value: 'ä@b.example' }]],
    ['an empty RDN', [[]]],
    ['an unpaired surrogate', [{ type: 'O', value: '\ud800' }]],
  ])('refuses %s', (_name, rdns) => {
    expect(codeOf(() => buildName(rdns))).toBe('invalid-name');
  });

  it('writes the empty name', () => {
    expect(toHex(buildName([]).der)).toBe('3000');
    expect(isEmptyName(buildName([]))).toBe(true);
  });

  it('gives values by type', () => {
    const name = buildName([
      { type: 'OU', value: 'a' },
      { type: 'OU', value: 'b' },
      { type: 'CN', value: 'c' },
    ]);
    expect(nameValues(name, 'OU')).toEqual(['a', 'b']);
    expect(nameValues(name, 'C')).toEqual([]);
  });
});

describe('parseName', () => {
  it.each([
    ['PrintableString with another character', '300c310a30080603550403130161'.replace('130161', '13012a')],
    ['an empty RDN', '30023100'],
    ['UTF8String that is not UTF-8', '300c310a300806035504030c01ff'],
    ['BMPString of odd length', '300c310a300806035504031e0161'],
    ['IA5String with 8 bits', '300c310a30080603550403160180'],
    ['an attribute with two values', '300f310d300b06035504030c01610c0162'],
  ])('refuses %s', (_name, hex) => {
    expect(() => parseName(fromHex(hex))).toThrow();
    expect(codeOf(() => parseName(fromHex(hex)))).toMatch(/invalid-string|invalid-name|trailing-bytes/);
  });

  it('refuses attributes out of order and repeated ones', () => {
    const a = '300806035504030c0161';
    const b = '300806035504030c0162';
    expect(parseName(fromHex(`30163114${a}${b}`)).rdns[0]).toHaveLength(2);
    expect(codeOf(() => parseName(fromHex(`30163114${b}${a}`)))).toBe('unordered-set');
    expect(codeOf(() => parseName(fromHex(`30163114${a}${a}`)))).toBe('unordered-set');
  });

  it('keeps values that are not strings', () => {
    const attribute = parseName(fromHex('300c310a30080603550403020105')).rdns[0]?.[0];
    expect(attribute?.value).toBeUndefined();
    expect(toHex(attribute?.valueDer ?? new Uint8Array())).toBe('020105');
  });
});

describe('formatName and parseNameString', () => {
  it('agree with node:crypto on order and values', () => {
    const text = readTestFile('fixtures/leaf.pem');
    const lines = new X509Certificate(text).subject.split('\n').reverse();
    expect(formatName(parseCertificate(readFixture('leaf')).subject)).toBe(lines.join(','));
  });

  it.each([
    // RFC 4514 section 4, with the attribute types that are known here.
    ['UID=jsmith,DC=example,DC=net', 'UID=jsmith,DC=example,DC=net'],
    ['OU=Sales+CN=J.  Smith,DC=example,DC=net', 'OU=Sales+CN=J.  Smith,DC=example,DC=net'],
    ['CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net', 'CN=James \\"Jim\\" Smith\\, III,DC=example,DC=net'],
    ['CN=Lu\\C4\\8Di\\C4\\87', 'CN=Lučić'],
    ['CN=\\ a \\ , O = b ', 'CN=\\ a \\ ,O=b'],
    ['CN=\\#a', 'CN=\\#a'],
    ['', ''],
  ])('read %s', (text, expected) => {
    expect(formatName(parseNameString(text))).toBe(expected);
  });

  it.each(['CN', '=a', 'CN=a,', 'CN=a+', 'CN=a"b', 'CN=#0c0161', 'CN=\\zz', 'CN=\\ff', 'XYZ=a', 'CN=a;O=b', ','])(
    'refuse %s',
    (text) => {
      expect(codeOf(() => parseNameString(text))).toBe('invalid-name');
    },
  );

  it('write types without a short name and values that are not strings in hexadecimal (RFC 4514 section 2.4)', () => {
    expect(formatName(nameOf('1.3.6.1.4.1.1466.0', TAG.OCTET_STRING, fromHex('4869')))).toBe(
      '1.3.6.1.4.1.1466.0=#04024869',
    );
  });

  it('keep hostile values on one line', () => {
    expect(formatName(cn('a\nb\u0000\u202e'))).toBe('CN=a\\0ab\\00\\e2\\80\\ae');
  });

  it('escapes a value of one space once', () => {
    const name = buildName([{ type: 'CN', value: ' ' }]);
    expect(formatName(name)).toBe('CN=\\ ');
    expect(parseNameString(formatName(name)).der).toEqual(name.der);
  });

  it('are inverse for any value that can be written', () => {
    const value = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 15 })
      .filter((text) => !/\p{Cc}/u.test(text) && [...text].length <= 64);
    fc.assert(
      fc.property(
        fc.array(fc.record({ type: fc.constantFrom('CN', 'O', 'OU', 'L'), value }), { maxLength: 4 }),
        (rdns) => {
          const name = buildName(rdns);
          expect(toHex(parseNameString(formatName(name)).der)).toBe(toHex(name.der));
        },
      ),
    );
  });
});

describe('sameName', () => {
  it.each([
    ['case', cn('Example CA'), cn('EXAMPLE ca'), true],
    ['spaces at the ends and runs of them', cn(' Example   CA '), cn('example ca'), true],
    ['string types', cn('Example CA', TAG.PRINTABLE_STRING), cn('example CA'), true],
    ['Unicode forms', cn('e\u0301'), cn('\u00e9'), true],
    ['another text', cn('Example CA'), cn('Example CB'), false],
    ['space against none', cn('ExampleCA'), cn('Example CA'), false],
    ['TeletexString against UTF8String', cn('a', TAG.TELETEX_STRING), cn('a'), false],
    ['another type', cn('a'), nameOf('2.5.4.10', TAG.UTF8_STRING, fromHex('61')), false],
    [
      'a prefix',
      cn('a'),
      buildName([
        { type: 'CN', value: 'a' },
        { type: 'OU', value: 'b' },
      ]),
      false,
    ],
    [
      'control characters that look like separators',
      cn('a\u0001b'),
      buildName([
        { type: 'CN', value: 'a' },
        { type: 'CN', value: 'b' },
      ]),
      false,
    ],
  ])('looks at %s', (_name, a, b, expected) => {
    expect(sameName(a, b)).toBe(expected);
    expect(nameKey(a) === nameKey(b)).toBe(expected);
  });

  it('knows names below a base', () => {
    const base = buildName([
      { type: 'C', value: 'DE' },
      { type: 'O', value: 'Example' },
    ]);
    const below = buildName([
      { type: 'C', value: 'de' },
      { type: 'O', value: 'EXAMPLE' },
      { type: 'CN', value: 'x' },
    ]);
    expect(isNameWithin(below, base)).toBe(true);
    expect(isNameWithin(base, below)).toBe(false);
    expect(
      isNameWithin(
        buildName([
          { type: 'C', value: 'DE' },
          { type: 'O', value: 'Example2' },
        ]),
        base,
      ),
    ).toBe(false);
  });
});
