import { describe, expect, it } from 'vitest';
import { codeOf } from '../test/x509-failure.ts';
import { issuerAltNameExtension, parseIssuerAltName } from './alternative-name.ts';
import { parseSubjectInfoAccess, subjectInfoAccessExtension } from './authority-info-access.ts';
import {
  distributionPointsExtension,
  freshestCrlExtension,
  scopedIssuingDistributionPointExtension,
} from './build-distribution-point.ts';
import { certificatePoliciesExtension, parseCertificatePolicies } from './certificate-policies.ts';
import {
  certificateIssuerExtension,
  deltaCrlIndicatorExtension,
  parseCertificateIssuer,
  parseDeltaCrlIndicator,
} from './crl-extension.ts';
import {
  type DistributionPoint,
  type IssuingDistributionPoint,
  parseCrlDistributionPoints,
  parseFreshestCrl,
  parseIssuingDistributionPoint,
  type ReasonFlag,
} from './distribution-point.ts';
import type { GeneralName } from './general-name.ts';
import { fullAuthorityKeyIdentifierExtension, parseAuthorityKeyIdentifier } from './key-identifier.ts';
import { buildName } from './name.ts';
import { nameConstraintsExtension, parseNameConstraints } from './name-constraints.ts';
import { concatOctets, fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import {
  inhibitAnyPolicyExtension,
  parseInhibitAnyPolicy,
  parsePolicyConstraints,
  policyConstraintsExtension,
} from './policy-constraints.ts';
import { parsePolicyMappings, policyMappingsExtension } from './policy-mappings.ts';
import {
  parseSignedCertificateTimestamps,
  precertificatePoisonExtension,
  signedCertificateTimestampsExtension,
} from './signed-certificate-timestamp.ts';
import {
  parseSubjectDirectoryAttributes,
  subjectDirectoryAttributesExtension,
} from './subject-directory-attributes.ts';
import { parseUserNotice } from './user-notice.ts';

const uri = (value: string): GeneralName => ({ kind: 'uri', value });
const name = buildName([{ type: 'CN', value: 'a' }]);
const extension = (oid: string, hex: string): { oid: string; critical: boolean; value: Uint8Array } => ({
  oid,
  critical: false,
  value: fromHex(hex.replaceAll(' ', '')),
});

describe('policy extensions', () => {
  it('are the octets of RFC 5280', () => {
    const mappings = [{ issuerDomainPolicy: '1.2.3', subjectDomainPolicy: '1.2.4' }];
    expect(toHex(policyMappingsExtension({ mappings, critical: true }).value)).toBe('300a300806022a0306022a04');
    expect(parsePolicyMappings(policyMappingsExtension({ mappings, critical: true }))).toEqual(mappings);
    for (const [constraints, hex] of [
      [{ requireExplicitPolicy: 0, inhibitPolicyMapping: undefined }, '3003800100'],
      [{ requireExplicitPolicy: undefined, inhibitPolicyMapping: 1 }, '3003810101'],
      [{ requireExplicitPolicy: 3, inhibitPolicyMapping: 200 }, '3007800103810200c8'],
    ] as const) {
      const written = policyConstraintsExtension(constraints);
      expect([written.critical, toHex(written.value)]).toEqual([true, hex]);
      expect(parsePolicyConstraints(written)).toEqual(constraints);
    }
    expect(inhibitAnyPolicyExtension(2)).toEqual({
      oid: OID.inhibitAnyPolicy,
      critical: true,
      value: fromHex('020102'),
    });
    expect(parseInhibitAnyPolicy(inhibitAnyPolicyExtension(7))).toBe(7);
  });

  it('are refused where they are malformed', () => {
    expect(codeOf(() => policyMappingsExtension({ mappings: [], critical: true }))).toBe('invalid-argument');
    expect(codeOf(() => parsePolicyMappings(extension(OID.policyMappings, '3000')))).toBe('invalid-extension');
    expect(codeOf(() => parsePolicyMappings(extension(OID.policyMappings, '3006 3004 06022a03')))).toBe('truncated');
    expect(codeOf(() => parsePolicyConstraints(extension(OID.policyConstraints, '3000')))).toBe('invalid-extension');
    expect(codeOf(() => parsePolicyConstraints(extension(OID.policyConstraints, '30038001ff')))).toBe('invalid-value');
    expect(codeOf(() => parsePolicyConstraints(extension(OID.policyConstraints, '3006810100800100')))).toBe(
      'trailing-bytes',
    );
    expect(codeOf(() => parseInhibitAnyPolicy(extension(OID.inhibitAnyPolicy, '02050100000000')))).toBe(
      'invalid-value',
    );
    expect(codeOf(() => inhibitAnyPolicyExtension(-1))).toBe('invalid-argument');
    expect(
      codeOf(() => policyConstraintsExtension({ requireExplicitPolicy: undefined, inhibitPolicyMapping: undefined })),
    ).toBe('invalid-argument');
  });

  it('have notices among their qualifiers', () => {
    const notice = { reference: { organization: 'Example', numbers: [1n, 2n] }, explicitText: 'For tests.' };
    const written = certificatePoliciesExtension({
      policies: [{ policy: '1.2.3', cpsUris: ['https://example.com/cps'], userNotices: [notice] }],
      critical: false,
    });
    const [policy] = parseCertificatePolicies(written);
    expect(policy?.cpsUris).toEqual(['https://example.com/cps']);
    expect(policy?.qualifiers.map(({ id }) => id)).toEqual([OID.policyCps, OID.policyUserNotice]);
    const qualifier = policy?.qualifiers[1];
    if (qualifier === undefined) throw new Error('the notice is missing');
    expect(parseUserNotice(qualifier)).toEqual(notice);
    expect(codeOf(() => parseUserNotice({ ...qualifier, id: OID.policyCps }))).toBe('invalid-argument');
    expect(codeOf(() => parseUserNotice({ ...qualifier, value: fromHex('3003020101') }))).toBe('invalid-string');
  });
});

describe('distribution points', () => {
  const reasons: ReadonlySet<ReasonFlag> = new Set(['keyCompromise', 'aACompromise']);
  const points: readonly DistributionPoint[] = [
    {
      name: { kind: 'fullName', names: [uri('http://a.example/1'), uri('ldap://a.example/1')] },
      reasons,
      crlIssuer: undefined,
    },
    {
      name: { kind: 'relativeName', rdn: name.rdns[0] ?? [] },
      reasons: undefined,
      crlIssuer: [{ kind: 'directoryName', name }],
    },
    { name: undefined, reasons: undefined, crlIssuer: [{ kind: 'directoryName', name }] },
  ];

  it('are read as they were written', () => {
    expect(parseCrlDistributionPoints(distributionPointsExtension(points))).toEqual(points);
    expect(parseFreshestCrl(freshestCrlExtension(points))).toEqual(points);
    expect(freshestCrlExtension(points).critical).toBe(false);
    for (const difference of [
      { onlyContainsUserCerts: true },
      { onlyContainsCaCerts: true },
      { onlyContainsAttributeCerts: true },
      { indirectCrl: true },
      { onlySomeReasons: reasons },
    ]) {
      const scope: IssuingDistributionPoint = {
        name: points[0]?.name,
        onlyContainsUserCerts: false,
        onlyContainsCaCerts: false,
        onlySomeReasons: undefined,
        indirectCrl: false,
        onlyContainsAttributeCerts: false,
        ...difference,
      };
      const written = scopedIssuingDistributionPointExtension(scope);
      expect([written.critical, parseIssuingDistributionPoint(written)]).toEqual([true, scope]);
    }
  });

  it('are not written where they say nothing', () => {
    expect(codeOf(() => distributionPointsExtension([]))).toBe('invalid-argument');
    expect(codeOf(() => distributionPointsExtension([{ name: undefined, reasons, crlIssuer: undefined }]))).toBe(
      'invalid-argument',
    );
    const empty = { ...(points[0] as DistributionPoint), reasons: new Set<ReasonFlag>() };
    expect(codeOf(() => distributionPointsExtension([empty]))).toBe('invalid-argument');
  });
});

describe('extensions of CRLs', () => {
  it('are read as they were written', () => {
    expect(deltaCrlIndicatorExtension(7n)).toMatchObject({ oid: OID.deltaCRLIndicator, critical: true });
    expect(parseDeltaCrlIndicator(deltaCrlIndicatorExtension(7n))).toBe(7n);
    expect(certificateIssuerExtension(name).critical).toBe(true);
    expect(parseCertificateIssuer(certificateIssuerExtension(name))).toEqual([{ kind: 'directoryName', name }]);
  });
});

describe('other extensions', () => {
  it('are read as they were written', () => {
    const descriptions = [{ method: OID.caRepository, location: uri('http://a.example/') }];
    expect(parseSubjectInfoAccess(subjectInfoAccessExtension(descriptions))).toEqual(descriptions);
    const names = [uri('http://a.example/'), { kind: 'dns', value: 'a.example' } as const];
    expect(parseIssuerAltName(issuerAltNameExtension({ names, critical: false }))).toEqual(names);
    const attributes = [{ type: '1.3.6.1.5.5.7.9.4', values: [fromHex('13025553'), fromHex('13024445')] }];
    const [attribute] = parseSubjectDirectoryAttributes(subjectDirectoryAttributesExtension(attributes));
    // A SET OF is ordered.
    expect(attribute?.values.map(toHex)).toEqual(['13024445', '13025553']);
    const identifier = { keyId: fromHex('0102'), issuer: [{ kind: 'directoryName', name } as const], serialNumber: 5n };
    expect(parseAuthorityKeyIdentifier(fullAuthorityKeyIdentifierExtension(identifier))).toEqual(identifier);
    expect(codeOf(() => fullAuthorityKeyIdentifierExtension({ ...identifier, issuer: undefined }))).toBe(
      'invalid-argument',
    );
  });

  it('are refused where they are malformed', () => {
    const attributes = (hex: string): string =>
      codeOf(() => parseSubjectDirectoryAttributes(extension(OID.subjectDirectoryAttributes, hex)));
    expect(attributes('3000')).toBe('invalid-extension');
    expect(attributes('3008 3006 06022a03 3100')).toBe('invalid-extension');
    expect(attributes('300e 300c 06022a03 3106 020102 020101')).toBe('unordered-set');
  });

  it('constrain names of kinds without a rule, both ways', () => {
    const der = fromHex('88022a03');
    const constraints = { permitted: [{ kind: 'unsupported', nameKind: 'registeredId', der } as const], excluded: [] };
    expect(parseNameConstraints(nameConstraintsExtension(constraints))).toEqual(constraints);
    const without = { permitted: [{ kind: 'unsupported', nameKind: 'registeredId' } as const], excluded: [] };
    expect(codeOf(() => nameConstraintsExtension(without))).toBe('invalid-argument');
  });
});

describe('signed certificate timestamps', () => {
  const serialized = (version: number): Uint8Array =>
    concatOctets([
      Uint8Array.of(version),
      new Uint8Array(32).fill(7),
      fromHex('0000019b7a8e0000'),
      fromHex('0000'),
      fromHex('0403'),
      fromHex('00023000'),
    ]);

  it('are read as they were written, those of other versions as octets', () => {
    const written = signedCertificateTimestampsExtension([serialized(0), serialized(9)]);
    expect(parseSignedCertificateTimestamps(written)).toEqual([
      {
        octets: serialized(0),
        timestamp: {
          logId: new Uint8Array(32).fill(7),
          timestamp: 0x019b7a8e0000n,
          extensions: new Uint8Array(),
          hashAlgorithm: 4,
          signatureAlgorithm: 3,
          signature: fromHex('3000'),
        },
      },
      { octets: serialized(9), timestamp: undefined },
    ]);
    expect(precertificatePoisonExtension()).toEqual({
      oid: OID.precertificatePoison,
      critical: true,
      value: fromHex('0500'),
    });
  });

  it.each([
    ['an empty list', '04020000'],
    ['a list without its length', '0400'],
    ['a list cut off', '04040005 00 01'],
    ['an empty entry', '0404 0002 0000'],
    ['an entry cut off', '0406 0004 0003 0001'],
    ['an entry of version 1 that is too short', '0405 0003 0001 00'],
    ['octets after the list', '0406 0003 0001 01 00'],
  ])('are refused: %s', (_name, hex) => {
    expect(codeOf(() => parseSignedCertificateTimestamps(extension(OID.signedCertificateTimestamps, hex)))).toMatch(
      /invalid-extension|truncated/,
    );
  });
});
