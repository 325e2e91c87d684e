import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { codeOf, failureOf } from '../test/x509-failure.ts';
import { parseSubjectAltName, subjectAltNameExtension } from './alternative-name.ts';
import { authorityInfoAccessExtension, parseAuthorityInfoAccess } from './authority-info-access.ts';
import { basicConstraintsExtension, parseBasicConstraints } from './basic-constraints.ts';
import { parseCertificate } from './certificate.ts';
import { certificatePoliciesExtension, parseCertificatePolicies } from './certificate-policies.ts';
import {
  crlNumberExtension,
  invalidityDateExtension,
  parseCrlNumber,
  parseInvalidityDate,
  parseReasonCode,
  REVOCATION_REASONS,
  type RevocationReason,
  reasonCodeExtension,
} from './crl-extension.ts';
import {
  crlDistributionPointsExtension,
  issuingDistributionPointExtension,
  parseCrlDistributionPoints,
  parseIssuingDistributionPoint,
} from './distribution-point.ts';
import { extendedKeyUsageExtension, parseExtendedKeyUsage } from './extended-key-usage.ts';
import type { Extension } from './extension.ts';
import {
  authorityKeyIdentifierExtension,
  parseAuthorityKeyIdentifier,
  parseSubjectKeyIdentifier,
  subjectKeyIdentifierExtension,
} from './key-identifier.ts';
import { KEY_USAGES, keyUsageExtension, parseKeyUsage } from './key-usage.ts';
import { buildName } from './name.ts';
import { nameConstraintsExtension, parseNameConstraints } from './name-constraints.ts';
import { fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { parseTlsFeature, tlsFeatureExtension } from './tls-feature.ts';

/** An extension of given octets. */
function raw(oid: string, hex: string): Extension {
  return { oid, critical: false, value: fromHex(hex.replaceAll(' ', '')) };
}

describe('extensions', () => {
  it('are written as openssl writes them', () => {
    const leaf = parseCertificate(readFixture('leaf'));
    const intermediate = parseCertificate(readFixture('intermediate'));
    const root = parseCertificate(readFixture('root'));
    const made: [typeof leaf, Extension][] = [
      [leaf, basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true })],
      [intermediate, basicConstraintsExtension({ ca: true, pathLength: 0, critical: true })],
      [root, keyUsageExtension({ usages: ['cRLSign', 'keyCertSign'], critical: true })],
      [leaf, extendedKeyUsageExtension({ purposes: [OID.serverAuth, OID.clientAuth], critical: false })],
      [leaf, subjectAltNameExtension({ names: leaf.subjectAltName ?? [], critical: false })],
      [leaf, subjectKeyIdentifierExtension(leaf.publicKey.keyId())],
      [leaf, authorityKeyIdentifierExtension(intermediate.publicKey.keyId())],
      [leaf, crlDistributionPointsExtension(['http://crl.example.com/1.crl'])],
      [leaf, authorityInfoAccessExtension(leaf.authorityInfoAccess ?? [])],
      [leaf, tlsFeatureExtension([5])],
      [intermediate, nameConstraintsExtension(intermediate.nameConstraints ?? { permitted: [], excluded: [] })],
      [
        intermediate,
        certificatePoliciesExtension({
          policies: [
            { policy: '2.23.140.1.2.1' },
            { policy: '1.3.6.1.4.1.55738.1', cpsUris: ['https://example.com/cps'] },
          ],
          critical: false,
        }),
      ],
    ];
    for (const [certificate, extension] of made) {
      const theirs = certificate.extension(extension.oid);
      expect([extension.oid, extension.critical, toHex(extension.value)]).toEqual([
        theirs?.oid,
        theirs?.critical,
        toHex(theirs?.value ?? new Uint8Array()),
      ]);
    }
  });

  it.each<[string, (extension: Extension) => unknown, string, string]>([
    ['basicConstraints with an encoded FALSE', parseBasicConstraints, OID.basicConstraints, '3003 010100'],
    ['basicConstraints with a path length without CA', parseBasicConstraints, OID.basicConstraints, '3003 020100'],
    ['basicConstraints with a negative path length', parseBasicConstraints, OID.basicConstraints, '3006 0101ff 0201ff'],
    ['basicConstraints with trailing octets', parseBasicConstraints, OID.basicConstraints, '3000 00'],
    ['keyUsage without a bit', parseKeyUsage, OID.keyUsage, '030100'],
    ['keyUsage with an unknown bit', parseKeyUsage, OID.keyUsage, '0303060040'],
    ['keyUsage with trailing zero bits', parseKeyUsage, OID.keyUsage, '030200a0'],
    ['an empty extKeyUsage', parseExtendedKeyUsage, OID.extendedKeyUsage, '3000'],
    ['an empty subjectAltName', parseSubjectAltName, OID.subjectAltName, '3000'],
    ['an empty subjectKeyIdentifier', parseSubjectKeyIdentifier, OID.subjectKeyIdentifier, '0400'],
    [
      'an authorityKeyIdentifier with half an issuer',
      parseAuthorityKeyIdentifier,
      OID.authorityKeyIdentifier,
      '3003 820101',
    ],
    [
      'an authorityKeyIdentifier out of order',
      parseAuthorityKeyIdentifier,
      OID.authorityKeyIdentifier,
      '300a a10482026161 820101 8001aa'.replace('300a', '300c'),
    ],
    ['empty distribution points', parseCrlDistributionPoints, OID.cRLDistributionPoints, '3000'],
    [
      'a distribution point of reasons only',
      parseCrlDistributionPoints,
      OID.cRLDistributionPoints,
      '3006 3004 81020780',
    ],
    ['an empty issuingDistributionPoint', parseIssuingDistributionPoint, OID.issuingDistributionPoint, '3000'],
    [
      'an issuingDistributionPoint with an encoded FALSE',
      parseIssuingDistributionPoint,
      OID.issuingDistributionPoint,
      '3003 810100',
    ],
    [
      'an issuingDistributionPoint for users and CAs',
      parseIssuingDistributionPoint,
      OID.issuingDistributionPoint,
      '3006 8101ff 8201ff',
    ],
    ['an empty authorityInfoAccess', parseAuthorityInfoAccess, OID.authorityInfoAccess, '3000'],
    ['empty certificatePolicies', parseCertificatePolicies, OID.certificatePolicies, '3000'],
    ['a policy twice', parseCertificatePolicies, OID.certificatePolicies, '3010 3006 06042a030405 3006 06042a030405'],
    ['an empty list of qualifiers', parseCertificatePolicies, OID.certificatePolicies, '3008 3006 06022a03 3000'],
    ['empty nameConstraints', parseNameConstraints, OID.nameConstraints, '3000'],
    ['an empty list of subtrees', parseNameConstraints, OID.nameConstraints, '3002 a000'],
    ['a subtree with a minimum', parseNameConstraints, OID.nameConstraints, '300a a008 3006 820161 800101'],
    ['an IP constraint of 5 octets', parseNameConstraints, OID.nameConstraints, '300b a009 3007 87050102030405'],
    ['an IP constraint with holes', parseNameConstraints, OID.nameConstraints, '300e a00c 300a 8708 0a000000 ff00ff00'],
    ['an empty tlsFeature', parseTlsFeature, OID.tlsFeature, '3000'],
    ['a negative CRL number', parseCrlNumber, OID.cRLNumber, '0201ff'],
    ['a CRL number of 21 octets', parseCrlNumber, OID.cRLNumber, `0215${'01'.repeat(21)}`],
    ['reason code 7', parseReasonCode, OID.reasonCode, '0a0107'],
    ['a reason code as INTEGER', parseReasonCode, OID.reasonCode, '020101'],
    ['an invalidity date as UTCTime', parseInvalidityDate, OID.invalidityDate, '170d3236303130313030303030305a'],
  ])('are refused: %s', (_name, parse, oid, hex) => {
    const failure = failureOf(() => parse(raw(oid, hex)));
    expect(failure.code).not.toBe('invalid-argument');
    expect(failure.offset).toBeGreaterThanOrEqual(0);
    expect(failure.path).toBeTruthy();
  });

  it('are not read as another type', () => {
    expect(codeOf(() => parseKeyUsage(raw(OID.basicConstraints, '3000')))).toBe('invalid-argument');
  });

  it('come back as they went in', () => {
    for (const usage of KEY_USAGES)
      expect(parseKeyUsage(keyUsageExtension({ usages: [usage], critical: true }))).toEqual(new Set([usage]));
    expect(toHex(keyUsageExtension({ usages: ['decipherOnly'], critical: true }).value)).toBe('0303070080');
    for (const reason of Object.keys(REVOCATION_REASONS).filter(
      (name) => name !== 'unspecified',
    ) as RevocationReason[]) {
      expect(parseReasonCode(reasonCodeExtension(reason))).toBe(reason);
    }
    expect(parseCrlNumber(crlNumberExtension((1n << 158n) + 5n))).toBe((1n << 158n) + 5n);
    expect(parseInvalidityDate(invalidityDateExtension(new Date('2026-01-02T03:04:05Z')))).toEqual(
      new Date('2026-01-02T03:04:05Z'),
    );
    const constraints = {
      permitted: [
        { kind: 'directoryName' as const, name: buildName([{ type: 'C', value: 'DE' }]) },
        { kind: 'uri' as const, value: '.example.com' },
      ],
      excluded: [
        { kind: 'ip' as const, value: '::/0' },
        { kind: 'dns' as const, value: '' },
      ],
    };
    expect(parseNameConstraints(nameConstraintsExtension(constraints))).toEqual(constraints);
    const point = parseIssuingDistributionPoint(
      issuingDistributionPointExtension({
        urls: ['http://a.example/', 'http://b.example/'],
        onlyContains: 'ca-certificates',
      }),
    );
    expect([point.onlyContainsCaCerts, point.onlyContainsUserCerts, point.indirectCrl, point.name?.kind]).toEqual([
      true,
      false,
      false,
      'fullName',
    ]);
    // RFC 5280 section 4.2.1.13: relative name [1], reasons and CRL issuer.
    const full = parseCrlDistributionPoints(
      raw(
        OID.cRLDistributionPoints,
        '301d 301b a00e a10c 300a 0603550403 0c0361 6263 8102 0640 a205 82 03 61 2e 62'.replaceAll(' ', ''),
      ),
    );
    expect([full[0]?.name?.kind, full[0]?.reasons, full[0]?.crlIssuer]).toEqual([
      'relativeName',
      new Set(['keyCompromise']),
      [{ kind: 'dns', value: 'a.b' }],
    ]);
  });

  it.each<[string, () => unknown]>([
    ['a path length without CA', () => basicConstraintsExtension({ ca: false, pathLength: 0, critical: true })],
    ['a fractional path length', () => basicConstraintsExtension({ ca: true, pathLength: 0.5, critical: true })],
    ['no key usage', () => keyUsageExtension({ usages: [], critical: true })],
    ['no purpose', () => extendedKeyUsageExtension({ purposes: [], critical: true })],
    ['a purpose twice', () => extendedKeyUsageExtension({ purposes: ['1.2.3', '1.2.3'], critical: true })],
    ['a purpose that is no identifier', () => extendedKeyUsageExtension({ purposes: ['serverAuth'], critical: true })],
    ['an empty key identifier', () => subjectKeyIdentifierExtension(new Uint8Array())],
    ['no access description', () => authorityInfoAccessExtension([])],
    ['no policy', () => certificatePoliciesExtension({ policies: [], critical: false })],
    ['no name constraint', () => nameConstraintsExtension({ permitted: [], excluded: [] })],
    [
      'a DNS constraint with a wildcard',
      () => nameConstraintsExtension({ permitted: [{ kind: 'dns', value: '*.example.com' }], excluded: [] }),
    ],
    [
      'an IP constraint without prefix',
      () => nameConstraintsExtension({ permitted: [{ kind: 'ip', value: '10.0.0.0' }], excluded: [] }),
    ],
    ['a TLS feature out of range', () => tlsFeatureExtension([65_536])],
    ['a negative CRL number', () => crlNumberExtension(-1n)],
    ['reason unspecified', () => reasonCodeExtension('unspecified')],
    [
      'an issuing distribution point that says nothing',
      () => issuingDistributionPointExtension({ urls: [], onlyContains: 'all' }),
    ],
  ])('are not written: %s', (_name, build) => {
    expect(codeOf(build)).toBe('invalid-argument');
  });

  it('of names are not written with malformed ones', () => {
    expect(codeOf(() => subjectAltNameExtension({ names: [], critical: false }))).toBe('invalid-general-name');
    expect(codeOf(() => crlDistributionPointsExtension([]))).toBe('invalid-general-name');
    expect(codeOf(() => crlDistributionPointsExtension(['no url']))).toBe('invalid-general-name');
  });
});
