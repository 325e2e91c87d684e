import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { newIntermediate, newLeaf, newRoot, newTestKey, type TestCertificateInput } from '../test/test-authority.ts';
import { subjectAltNameExtension } from './alternative-name.ts';
import { authorityInfoAccessExtension } from './authority-info-access.ts';
import { basicConstraintsExtension } from './basic-constraints.ts';
import { parseCertificate } from './certificate.ts';
import { DerWriter, encodeDer } from './der-writer.ts';
import { extendedKeyUsageExtension } from './extended-key-usage.ts';
import type { Extension } from './extension.ts';
import { type KeyUsage, keyUsageExtension } from './key-usage.ts';
import { lintTbsCertificate } from './lint-certificate.ts';
import { CERTIFICATE_LINT_RULES } from './lint-certificate-rules.ts';
import { nameConstraintsExtension } from './name-constraints.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';

const root = newRoot();
const rulesOf = (tbs: Uint8Array): string[] => lintTbsCertificate(tbs).map(({ rule }) => rule);
const lintLeaf = (input: TestCertificateInput): string[] => rulesOf(newLeaf(root, input).tbs);
const lintCa = (input: TestCertificateInput): string[] => rulesOf(newIntermediate(root, input).certificate.tbs);
const critical = (extension: Extension, value = true): Extension => ({ ...extension, critical: value });
const usage = (...usages: KeyUsage[]): Extension => keyUsageExtension({ usages, critical: true });
const san = (hex: string): Extension => ({ oid: OID.subjectAltName, critical: false, value: fromHex(hex) });

/** A leaf's TBS with one run of octets replaced by another of the same length. */
function patched(before: string, after: string, input: TestCertificateInput = {}): Uint8Array {
  const hex = toHex(newLeaf(root, input).tbs);
  expect(hex).toContain(before);
  return fromHex(hex.replace(before, after));
}

function dnsName(name: string): Extension {
  const writer = new DerWriter();
  writer.ascii(name, 0x82);
  writer.close(0x30, 0);
  return { oid: OID.subjectAltName, critical: false, value: writer.finish() };
}

describe('lintTbsCertificate', () => {
  it('finds nothing in good certificates', () => {
    expect(lintTbsCertificate(root.certificate.tbs)).toEqual([]);
    expect(lintLeaf({})).toEqual([]);
    expect(lintLeaf({ subject: [] })).toEqual([]);
    expect(lintCa({})).toEqual([]);
    for (const name of ['root', 'intermediate', 'every-name'])
      expect([name, rulesOf(parseCertificate(readFixture(name)).tbs)]).toEqual([name, []]);
  });

  const planted: readonly (readonly [keyof typeof CERTIFICATE_LINT_RULES, () => string[]])[] = [
    ['serial-number-entropy', () => lintLeaf({ overrides: { serialNumber: 1n } })],
    ['serial-number', () => rulesOf(patched('a003020102020d10', 'a003020102020d90'))],
    ['signature-algorithm', () => rulesOf(patched('06082a8648ce3d040302', '06082a8648ce3d040301'))],
    ['issuer-name', () => lintLeaf({ issuer: fromHex('3000') })],
    ['validity', () => rulesOf(patched('323730313031', '323530313031'))],
    ['ca-subject-name', () => lintCa({ subject: [] })],
    [
      'subject-attribute-value',
      () =>
        rulesOf(
          patched(Buffer.from('Example').toString('hex'), Buffer.from('Ex\u0001mple').toString('hex'), {
            subject: [{ type: 'O', value: 'Example' }],
          }),
        ),
    ],
    ['subject-attribute-type', () => rulesOf(patched('0c106c656166', '14106c656166'))],
    ['subject-public-key', () => lintLeaf({ overrides: { spki: parseCertificate(readFixture('p521')).spki } })],
    ['authority-key-identifier-missing', () => lintLeaf({ without: [OID.authorityKeyIdentifier] })],
    ['authority-key-identifier-critical', () => lintLeaf({ extensions: [criticalOf(OID.authorityKeyIdentifier)] })],
    ['subject-key-identifier-missing', () => lintCa({ without: [OID.subjectKeyIdentifier] })],
    ['leaf-subject-key-identifier-missing', () => lintLeaf({ without: [OID.subjectKeyIdentifier] })],
    ['subject-key-identifier-critical', () => lintLeaf({ extensions: [criticalOf(OID.subjectKeyIdentifier)] })],
    ['ca-key-usage', () => lintCa({ extensions: [usage('digitalSignature')] })],
    ['key-cert-sign-without-ca', () => lintLeaf({ extensions: [usage('keyCertSign')] })],
    ['key-usage-not-critical', () => lintLeaf({ extensions: [critical(usage('digitalSignature'), false)] })],
    ['key-usage-of-key', () => lintLeaf({ extensions: [usage('digitalSignature', 'keyEncipherment')] })],
    ['alternative-name-missing', () => lintLeaf({ subject: [], names: [] })],
    [
      'server-alternative-name-missing',
      () =>
        lintLeaf({
          names: [],
          extensions: [extendedKeyUsageExtension({ purposes: [OID.serverAuth], critical: false })],
        }),
    ],
    ['alternative-name-not-critical', () => lintLeaf({ subject: [], extensions: [dnsName('leaf.example.com')] })],
    ['alternative-name-critical', () => lintLeaf({ extensions: [critical(dnsName('leaf.example.com'))] })],
    [
      'alternative-name-syntax',
      () => lintLeaf({ subject: [{ type: 'O', value: 'a' }], extensions: [dnsName('a.*.example.com')] }),
    ],
    ['common-name-not-alternative', () => lintLeaf({ subject: [{ type: 'CN', value: 'other.example.com' }] })],
    [
      'basic-constraints-not-critical',
      () => lintCa({ extensions: [basicConstraintsExtension({ ca: true, pathLength: undefined, critical: false })] }),
    ],
    [
      'path-length-without-key-cert-sign',
      () =>
        lintCa({
          extensions: [basicConstraintsExtension({ ca: true, pathLength: 0, critical: true }), usage('cRLSign')],
        }),
    ],
    [
      'name-constraints-place',
      () =>
        lintLeaf({
          extensions: [nameConstraintsExtension({ permitted: [{ kind: 'dns', value: 'a.b' }], excluded: [] })],
        }),
    ],
    [
      'name-constraints-not-critical',
      () =>
        lintCa({
          extensions: [
            critical(nameConstraintsExtension({ permitted: [{ kind: 'dns', value: 'a.b' }], excluded: [] }), false),
          ],
        }),
    ],
    [
      'any-extended-key-usage',
      () =>
        lintLeaf({ extensions: [extendedKeyUsageExtension({ purposes: [OID.anyExtendedKeyUsage], critical: false })] }),
    ],
    [
      'distribution-point-syntax',
      () =>
        lintLeaf({
          extensions: [
            {
              oid: OID.cRLDistributionPoints,
              critical: false,
              value: fromHex('3009 3007 a005 a003 8601 61'.replaceAll(' ', '')),
            },
          ],
        }),
    ],
    [
      'distribution-point-critical',
      () =>
        lintLeaf({
          extensions: [
            {
              oid: OID.cRLDistributionPoints,
              critical: true,
              value: fromHex(
                `3014 3012 a010 a00e 860c ${Buffer.from('http://a.b/c').toString('hex')}`.replaceAll(' ', ''),
              ),
            },
          ],
        }),
    ],
    [
      'authority-info-access-critical',
      () =>
        lintLeaf({
          extensions: [
            critical(
              authorityInfoAccessExtension([
                { method: OID.accessOcsp, location: { kind: 'uri', value: 'http://a.b/' } },
              ]),
            ),
          ],
        }),
    ],
    [
      'authority-info-access-syntax',
      () =>
        lintLeaf({
          extensions: [
            {
              oid: OID.authorityInfoAccess,
              critical: false,
              value: fromHex('300f300d06082b06010505073001860161'.replace('300f', '300f')),
            },
          ],
        }),
    ],
  ];
  it.each(planted)('finds %s, and only that', (rule, lint) => {
    expect(lint()).toEqual([rule]);
  });

  function criticalOf(oid: string): Extension {
    const extension = newLeaf(root).extension(oid);
    if (extension === undefined) throw new Error('the ordinary leaf has no such extension');
    return critical(extension);
  }

  it('finds another version and unique identifiers', () => {
    expect(rulesOf(versionOne())).toContain('version');
    expect(rulesOf(withUniqueIdentifier())).toEqual(['unique-identifier']);
  });

  it('finds a time before 2050 that is not UTCTime', () => {
    const { tbs } = newLeaf(root);
    const hex = toHex(tbs);
    const time = (text: string): string => Buffer.from(text).toString('hex');
    const early = hex
      .replace(`301e170d${time('260101000000Z')}`, `3020180f${time('20260101000000Z')}`)
      .replace(
        /^3082(....)/,
        (_match, length: string) => `3082${(Number.parseInt(length, 16) + 2).toString(16).padStart(4, '0')}`,
      );
    expect(rulesOf(fromHex(early))).toEqual(['validity-encoding']);
  });

  it('has a test for every rule', () => {
    const tested = new Set<string>([
      ...planted.map(([rule]) => rule),
      'version',
      'unique-identifier',
      'validity-encoding',
    ]);
    expect(Object.keys(CERTIFICATE_LINT_RULES).filter((rule) => !tested.has(rule))).toEqual([]);
  });

  function fieldsOf(): { head: string; tail: string } {
    const leaf = newLeaf(root);
    const hex = toHex(leaf.tbs);
    const end = hex.indexOf(toHex(leaf.spki)) + leaf.spki.length * 2;
    return { head: hex.slice(hex.indexOf('a003020102') + 10, end), tail: hex.slice(end) };
  }
  function versionOne(): Uint8Array {
    return encodeDer((writer) => writer.element(0x30, fromHex(fieldsOf().head)));
  }
  function withUniqueIdentifier(): Uint8Array {
    const { head, tail } = fieldsOf();
    return encodeDer((writer) =>
      writer.element(0x30, concatOctets([fromHex('a003020102'), fromHex(head), fromHex('810200aa'), fromHex(tail)])),
    );
  }

  it.each([
    ['an empty subjectAltName', san('3000')],
    ['an address of 5 octets', san('300787050102030405')],
    ['keyUsage without a bit', { oid: OID.keyUsage, critical: true, value: fromHex('030100') }],
  ])('finds %s', (_name, extension) => {
    expect(lintLeaf({ extensions: [extension] })).toEqual(['malformed-extension']);
  });

  it('finds what cannot be parsed', () => {
    const { tbs } = newLeaf(root);
    expect(rulesOf(concatOctets([tbs, fromHex('00')]))).toEqual(['malformed']);
    expect(rulesOf(new Uint8Array())).toEqual(['malformed']);
    expect(
      rulesOf(patched(Buffer.from('260101000000Z').toString('hex'), Buffer.from('260101000000+').toString('hex'))),
    ).toEqual(['validity-encoding']);
    // Two extensions of the same length: one takes the other's identifier.
    expect(rulesOf(patched('0603551d0e', '0603551d0f'))).toEqual(['duplicate-extension']);
  });

  it('says where a rule comes from', () => {
    const [finding] = lintTbsCertificate(newLeaf(root, { without: [OID.authorityKeyIdentifier] }).tbs);
    expect(finding).toEqual({
      rule: 'authority-key-identifier-missing',
      severity: 'error',
      section: 'RFC 5280 section 4.2.1.1',
      detail: 'authorityKeyIdentifier with a key identifier is missing',
    });
  });

  it('takes the names that the writer of names takes', () => {
    const names = subjectAltNameExtension({
      names: [
        { kind: 'dns', value: '*.example.com' },
        { kind: 'email', value: 'a@b.example' },
        { kind: 'uri', value: 'spiffe://a/b' },
      ],
      critical: false,
    });
    expect(lintLeaf({ subject: [{ type: 'O', value: 'a' }], extensions: [names], key: newTestKey() })).toEqual([]);
  });
});
