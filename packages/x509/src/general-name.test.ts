import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../test/x509-failure.ts';
import { DerReader } from './der-reader.ts';
import { encodeDer } from './der-writer.ts';
import { isDnsName, isDnsNameOrWildcard } from './dns-name.ts';
import { describeGeneralName, type GeneralName, readGeneralName, writeGeneralName } from './general-name.ts';
import {
  formatIpAddress,
  formatIpNetwork,
  isInNetwork,
  networkFromMask,
  networkToMask,
  parseIpAddress,
  parseIpNetwork,
} from './ip-address.ts';
import { buildName } from './name.ts';
import { fromHex, toHex } from './octets.ts';

describe('IP addresses', () => {
  it('are read as node:net reads them', () => {
    const texts = [
      '1.2.3.4',
      '255.255.255.255',
      '256.1.1.1',
      '1.2.3',
      '1.2.3.4.5',
      '::',
      '::1',
      '1::',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7::',
      '1:2:3:4:5:6:7:8:9',
      '::ffff:1.2.3.4',
      '1::2::3',
      ':1',
      '1:',
      'fe80::1%eth0',
      '12345::',
      'g::',
      '1.2.3.4::',
      '::1.2.3',
      '',
      ' 1.2.3.4',
      '1.2.3.4 ',
    ];
    for (const text of texts.filter((candidate) => !candidate.includes('%')))
      expect([text, parseIpAddress(text) !== undefined]).toEqual([text, isIP(text) !== 0]);
    expect(parseIpAddress('fe80::1%eth0')).toBeUndefined();
    expect(parseIpAddress('01.2.3.4')).toBeUndefined();
  });

  it('are written as the WHATWG URL standard writes them', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0x20, 0xff), { minLength: 16, maxLength: 16 }), (values) => {
        const text = formatIpAddress(Uint8Array.from(values)) ?? '';
        expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
        expect(Array.from(parseIpAddress(text) ?? [])).toEqual(values);
      }),
    );
    expect(formatIpAddress(new Uint8Array(5))).toBeUndefined();
  });

  it('make networks', () => {
    const network = parseIpNetwork('10.32.0.0/11');
    expect(network && toHex(networkToMask(network))).toBe('0a200000ffe00000');
    expect(network && isInNetwork(Uint8Array.of(10, 63, 255, 255), network)).toBe(true);
    expect(network && isInNetwork(Uint8Array.of(10, 64, 0, 0), network)).toBe(false);
    expect(network && isInNetwork(new Uint8Array(16), network)).toBe(false);
    expect(parseIpNetwork('10.0.0.1/8')).toBeUndefined();
    expect(parseIpNetwork('10.0.0.0/33')).toBeUndefined();
    expect(networkFromMask(fromHex('0a000001ff00ff00'))).toBeUndefined();
    const dropped = networkFromMask(fromHex('0a000001ff000000'));
    expect(dropped && formatIpNetwork(dropped)).toBe('10.0.0.0/8');
    expect(formatIpNetwork(parseIpNetwork('::/0') ?? { address: new Uint8Array(4), prefixLength: 1 })).toBe('::/0');
  });
});

describe('isDnsName', () => {
  it.each([
    'example.com',
    'a',
    'a-b.example',
    'xn--nxasmq6b.example',
    '1.example',
    'EXAMPLE.com',
    `${'a'.repeat(63)}.b`,
  ])('takes %s', (name) => {
    expect(isDnsName(name)).toBe(true);
  });
  it.each([
    '',
    '.',
    'example.com.',
    '.example.com',
    'a..b',
    '-a.b',
    'a-.b',
    'foo_bar.example',
    'ä.example',
    'a b',
    '*.a.b',
    '1.2.3.4',
    'ab--c.example',
    'xn--',
    `${'a'.repeat(64)}.b`,
    `${'a.'.repeat(127)}aa`,
  ])('refuses %s', (name) => {
    expect(isDnsName(name)).toBe(false);
  });
  it.each([
    ['*.example.com', true],
    ['*.com', false],
    ['*', false],
    ['a.*.example.com', false],
    ['a*.example.com', false],
    ['*.*.example.com', false],
    ['*.', false],
  ])('judges the wildcard %s', (name, expected) => {
    expect(isDnsNameOrWildcard(name)).toBe(expected);
  });
});

describe('GeneralName', () => {
  const names: GeneralName[] = [
    { kind: 'dns', value: '*.example.com' },
    { kind: 'ip', value: '192.0.2.1' },
    { kind: 'ip', value: '2001:db8::1' },
    { kind: 'uri', value: 'spiffe://example.com/a?b#c' },
    { kind: 'email', value: 'a.b+c@example.com' },
    { kind: 'directoryName', name: buildName([{ type: 'CN', value: 'x' }]) },
    { kind: 'registeredId', oid: '1.2.3' },
    { kind: 'otherName', typeId: '1.2.3', value: fromHex('0c0161') },
    { kind: 'x400Address', der: fromHex('a30530030c0161') },
    { kind: 'ediPartyName', der: fromHex('a505a1030c0161') },
  ];
  it.each(names.map((name) => [describeGeneralName(name), name] as const))('keeps %s', (_text, name) => {
    const reader = DerReader.over(encodeDer((writer) => writeGeneralName(writer, name)));
    expect(readGeneralName(reader)).toEqual(name);
    reader.finish();
  });

  it.each<GeneralName>([
    { kind: 'dns', value: 'foo_bar.example' },
    { kind: 'dns', value: 'a.*.example' },
    { kind: 'dns', value: 'bücher.example' },
    { kind: 'ip', value: '1.2.3' },
    { kind: 'uri', value: '/relative' },
    { kind: 'uri', value: 'http://a b/' },
    { kind: 'uri', value: 'http://[::1' },
    { kind: 'email', value: 'a@b@c' },
    { kind: 'email', value: '"a"@example.com' },
    { kind: 'email', value: 'example.com' },
  ])('does not write $kind $value', (name) => {
    expect(codeOf(() => encodeDer((writer) => writeGeneralName(writer, name)))).toBe('invalid-general-name');
  });

  it.each([
    ['an address of 5 octets', '87050102030405', 'invalid-general-name'],
    ['a DNS name with 8-bit characters', '8201ff', 'invalid-string'],
    ['an unknown alternative', '8901ff', 'invalid-general-name'],
    ['an otherName without value', 'a00406022a03', 'truncated'],
    ['a directoryName with a rest', 'a406300030000000', 'trailing-bytes'],
  ])('does not read %s', (_name, hex, code) => {
    expect(codeOf(() => readGeneralName(DerReader.over(fromHex(hex))))).toBe(code);
  });
});
