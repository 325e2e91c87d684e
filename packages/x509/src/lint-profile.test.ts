import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  newIntermediate,
  newLeaf,
  newRoot,
  TEST_NOT_BEFORE,
  type TestCertificateInput,
} from '../test/test-authority.ts';
import { daysOn, entryFor, newCrl, type TestCrlInput } from '../test/test-revocation.ts';
import { issuerAltNameExtension, subjectAltNameExtension } from './alternative-name.ts';
import { authorityInfoAccessExtension, subjectInfoAccessExtension } from './authority-info-access.ts';
import {
  distributionPointsExtension,
  freshestCrlExtension,
  scopedIssuingDistributionPointExtension,
} from './build-distribution-point.ts';
import { certificatePoliciesExtension } from './certificate-policies.ts';
import { crlNumberExtension, deltaCrlIndicatorExtension } from './crl-extension.ts';
import { crlDistributionPointsExtension, type DistributionPoint } from './distribution-point.ts';
import { extendedKeyUsageExtension } from './extended-key-usage.ts';
import type { Extension } from './extension.ts';
import { authorityKeyIdentifierExtension, fullAuthorityKeyIdentifierExtension } from './key-identifier.ts';
import { type KeyUsage, keyUsageExtension } from './key-usage.ts';
import { BASELINE_LINT_RULES } from './lint-baseline-rules.ts';
import { lintTbsCertificate } from './lint-certificate.ts';
import { CRL_LINT_RULES, lintTbsCertList } from './lint-crl.ts';
import { EXTENSION_LINT_RULES } from './lint-extension-rules.ts';
import { LINT_PROFILES, type LintProfile } from './lint-profile.ts';
import { buildName } from './name.ts';
import { nameConstraintsExtension } from './name-constraints.ts';
import { ocspNoCheckExtension } from './ocsp-no-check.ts';
import { fromHex, toHex } from './octets.ts';
import { OID } from './oid.ts';
import { inhibitAnyPolicyExtension, policyConstraintsExtension } from './policy-constraints.ts';
import { policyMappingsExtension } from './policy-mappings.ts';
import { parsePublicKey } from './public-key.ts';
import { encodeSignatureAlgorithm, type SignatureAlgorithm } from './signature-algorithm.ts';
import { precertificatePoisonExtension, signedCertificateTimestampsExtension } from './signed-certificate-timestamp.ts';
import { subjectDirectoryAttributesExtension } from './subject-directory-attributes.ts';
import { tlsFeatureExtension } from './tls-feature.ts';

const { publicTls, privatePki } = LINT_PROFILES;
const publicName = [
  { type: 'C', value: 'DE' },
  { type: 'O', value: 'Example' },
  { type: 'CN', value: 'Public CA' },
] as const;
const root = newRoot({ subject: publicName });
const usage = (...usages: KeyUsage[]): Extension => keyUsageExtension({ usages, critical: true });
const purposes = (...oids: string[]): Extension => extendedKeyUsageExtension({ purposes: oids, critical: false });
const flipped = (extension: Extension): Extension => ({ ...extension, critical: !extension.critical });
const uri = (value: string) => ({ kind: 'uri', value }) as const;
const policies = (...oids: string[]): Extension =>
  certificatePoliciesExtension({ policies: oids.map((policy) => ({ policy })), critical: false });
const point = (difference: Partial<DistributionPoint>): DistributionPoint => ({
  name: { kind: 'fullName', names: [uri('http://crl.example.com/1')] },
  reasons: undefined,
  crlIssuer: undefined,
  ...difference,
});

/** What a server certificate of the public web has besides the ordinary extensions. */
const publicLeaf: readonly Extension[] = [
  subjectAltNameExtension({ names: [{ kind: 'dns', value: 'www.cert-tasks.com' }], critical: false }),
  purposes(OID.serverAuth),
  policies('2.23.140.1.2.1'),
  authorityInfoAccessExtension([{ method: OID.accessCaIssuers, location: uri('http://ca.example.com/ca.cer') }]),
  crlDistributionPointsExtension(['http://crl.example.com/1']),
];
const publicSubordinate: readonly Extension[] = [
  purposes(OID.serverAuth),
  policies(OID.anyPolicy),
  crlDistributionPointsExtension(['http://crl.example.com/0']),
];

/** The ordinary extensions of a public certificate with some in place of others, less those left out. */
function replaced(ordinary: readonly Extension[], input: TestCertificateInput): readonly Extension[] {
  const gone = new Set([...(input.without ?? []), ...(input.extensions ?? []).map(({ oid }) => oid)]);
  return [...ordinary.filter(({ oid }) => !gone.has(oid)), ...(input.extensions ?? [])];
}

function leafRules(input: TestCertificateInput, profile: LintProfile = publicTls): string[] {
  const leaf = newLeaf(root, {
    subject: [{ type: 'CN', value: 'www.cert-tasks.com' }],
    ...input,
    extensions: replaced(publicLeaf, input),
    overrides: { notAfter: daysOn(10), notBefore: TEST_NOT_BEFORE, ...input.overrides },
  });
  return lintTbsCertificate(leaf.tbs, profile).map(({ rule }) => rule);
}

/** As a good leaf, to be signed with another algorithm. */
function rulesUnder(signatureAlgorithm: SignatureAlgorithm): string[] {
  const { tbs } = newLeaf(root, {
    subject: [{ type: 'CN', value: 'www.cert-tasks.com' }],
    extensions: publicLeaf,
    overrides: { notAfter: daysOn(10) },
  });
  const [before, after] = ['ecdsa-sha256' as const, signatureAlgorithm].map((name) =>
    toHex(encodeSignatureAlgorithm(name)),
  );
  const hex = toHex(tbs.subarray(4)).replace(before ?? '', after ?? '');
  return lintTbsCertificate(fromHex(`3082${(hex.length / 2).toString(16).padStart(4, '0')}${hex}`), publicTls).map(
    ({ rule }) => rule,
  );
}

function caRules(input: TestCertificateInput & { pathLength?: number }, profile: LintProfile = publicTls): string[] {
  const ca = newIntermediate(root, {
    subject: [...publicName.slice(0, 2), { type: 'CN', value: 'Sub CA' }],
    ...input,
    extensions: replaced(publicSubordinate, input),
  });
  return lintTbsCertificate(ca.certificate.tbs, profile).map(({ rule }) => rule);
}

function rootRules(input: TestCertificateInput & { pathLength?: number }): string[] {
  const { certificate } = newRoot({ subject: publicName, ...input });
  return lintTbsCertificate(certificate.tbs, publicTls).map(({ rule }) => rule);
}

describe('rules on single extensions', () => {
  const mapping = { issuerDomainPolicy: '1.2.3', subjectDomainPolicy: '1.2.4' };
  const mappings = policyMappingsExtension({ mappings: [mapping], critical: true });
  const mapped = [policies('1.2.3'), mappings];
  const constraints = policyConstraintsExtension({ requireExplicitPolicy: 0, inhibitPolicyMapping: undefined });
  const notice = { reference: undefined, explicitText: 'a' };
  const attributes = subjectDirectoryAttributesExtension([
    { type: '1.3.6.1.5.5.7.9.4', values: [fromHex('13025553')] },
  ]);
  const qualified = fromHex('3012 3010 0604551d2000 3008 3006 06022a03 0500'.replaceAll(' ', ''));
  const timestamps = signedCertificateTimestampsExtension([Uint8Array.of(1)]);
  const dotted = fromHex('300a a008 3006 8204 2e612e62'.replaceAll(' ', ''));
  const registered = nameConstraintsExtension({
    permitted: [{ kind: 'unsupported', nameKind: 'registeredId', der: fromHex('88022a03') }],
    excluded: [],
  });
  const planted: readonly (readonly [keyof typeof EXTENSION_LINT_RULES, () => string[]])[] = [
    [
      'policy-mappings-place',
      () => leafRules({ extensions: [...mapped, policies('1.2.3', '2.23.140.1.2.1')].slice(1) }),
    ],
    ['policy-mappings-not-critical', () => caRules({ extensions: [policies('1.2.3'), flipped(mappings)] })],
    [
      'policy-mappings-any-policy',
      () => caRules({ extensions: [{ ...mappings, value: fromHex('300c300a06022a030604551d2000') }] }),
    ],
    ['policy-mappings-unasserted', () => caRules({ extensions: [policies('1.2.9'), mappings] })],
    ['policy-constraints-place', () => leafRules({ extensions: [constraints] })],
    ['policy-constraints-not-critical', () => caRules({ extensions: [flipped(constraints)] })],
    ['inhibit-any-policy-place', () => leafRules({ extensions: [inhibitAnyPolicyExtension(0)] })],
    ['inhibit-any-policy-not-critical', () => caRules({ extensions: [flipped(inhibitAnyPolicyExtension(0))] })],
    ['policy-qualifier-type', () => caRules({ extensions: [{ ...policies(OID.anyPolicy), value: qualified }] })],
    [
      'policy-user-notice',
      () =>
        leafRules({
          extensions: [
            certificatePoliciesExtension({
              policies: [{ policy: '2.23.140.1.2.1', userNotices: [notice] }],
              critical: false,
            }),
          ],
        }),
    ],
    [
      'issuer-alternative-name-critical',
      () => leafRules({ extensions: [issuerAltNameExtension({ names: [uri('http://a.example/')], critical: true })] }),
    ],
    ['directory-attributes-critical', () => leafRules({ extensions: [flipped(attributes)] })],
    [
      'subject-info-access-critical',
      () =>
        caRules({
          extensions: [
            flipped(subjectInfoAccessExtension([{ method: OID.caRepository, location: uri('http://a.example/') }])),
          ],
        }),
    ],
    ['freshest-crl-critical', () => leafRules({ extensions: [flipped(freshestCrlExtension([point({})]))] })],
    ['timestamps-critical', () => leafRules({ extensions: [flipped(timestamps)] })],
    ['poison-not-critical', () => leafRules({ extensions: [flipped(precertificatePoisonExtension())] })],
    ['tls-feature-critical', () => leafRules({ extensions: [flipped(tlsFeatureExtension([5]))] })],
    ['name-constraint-form', () => caRules({ extensions: [{ ...registered, value: dotted }] })],
    ['name-constraint-kind', () => caRules({ extensions: [registered] })],
    ['encipher-only-without-agreement', () => leafRules({ extensions: [usage('digitalSignature', 'encipherOnly')] })],
    [
      'ocsp-signing-mixed',
      () => leafRules({ extensions: [purposes(OID.ocspSigning, OID.clientAuth)], without: [OID.certificatePolicies] }),
    ],
    ['ocsp-no-check-place', () => leafRules({ extensions: [ocspNoCheckExtension()] })],
    [
      'authority-key-identifier-issuer',
      () =>
        leafRules({
          extensions: [
            fullAuthorityKeyIdentifierExtension({
              keyId: root.key.publicKey.keyId(),
              issuer: [{ kind: 'directoryName', name: root.certificate.subject }],
              serialNumber: 1n,
            }),
          ],
        }),
    ],
    [
      'distribution-point-reasons-only',
      () =>
        leafRules(
          { extensions: [distributionPointsExtension([point({ reasons: new Set(['keyCompromise']) })])] },
          privatePki,
        ),
    ],
    [
      'distribution-point-relative',
      () =>
        leafRules(
          {
            extensions: [
              distributionPointsExtension([
                point({ name: { kind: 'relativeName', rdn: root.certificate.subject.rdns[0] ?? [] } }),
              ]),
            ],
          },
          privatePki,
        ),
    ],
    ['domain-component-syntax', () => caRules({ subject: [...publicName, { type: 'DC', value: 'a.b' }] })],
    [
      'country-code',
      () =>
        caRules({
          subject: [
            { type: 'C', value: 'de' },
            { type: 'O', value: 'a' },
            { type: 'CN', value: 'b' },
          ],
        }),
    ],
    ['email-attribute', () => caRules({ subject: [...publicName, { type: 'emailAddress', value: 'a@b.example' }] })],
    [
      'any-purpose-critical',
      () =>
        leafRules({ extensions: [flipped(purposes(OID.anyExtendedKeyUsage))], names: [] }, privatePki).filter(
          (rule) => rule !== 'any-extended-key-usage',
        ),
    ],
  ];
  it.each(planted)('finds %s, and only that', (rule, lint) => {
    expect(lint()).toEqual([rule]);
  });

  it('has a test for every rule', () => {
    const tested = new Set<string>(planted.map(([rule]) => rule));
    expect(Object.keys(EXTENSION_LINT_RULES).filter((rule) => !tested.has(rule))).toEqual([]);
  });
});

describe('the Baseline Requirements', () => {
  it('find nothing in good certificates', () => {
    expect(leafRules({})).toEqual([]);
    expect(caRules({})).toEqual([]);
    expect(rootRules({})).toEqual([]);
  });

  const ed25519 = parsePublicKey(
    new Uint8Array(generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' })),
  );
  const rsa2050 = parsePublicKey(
    new Uint8Array(
      generateKeyPairSync('rsa', { modulusLength: 2050 }).publicKey.export({ type: 'spki', format: 'der' }),
    ),
  );
  const san = (...names: Parameters<typeof subjectAltNameExtension>[0]['names']): Extension =>
    subjectAltNameExtension({ names, critical: false });
  const tests: readonly (readonly [keyof typeof BASELINE_LINT_RULES, () => string[]])[] = [
    ['br-validity', () => leafRules({ overrides: { notAfter: daysOn(300) } })],
    [
      'br-alternative-name-missing',
      () => leafRules({ without: [OID.subjectAltName], names: [] }).filter((rule) => rule.startsWith('br-')),
    ],
    [
      'br-alternative-name-kind',
      () => leafRules({ extensions: [san(uri('spiffe://a/b'), { kind: 'dns', value: 'www.cert-tasks.com' })] }),
    ],
    [
      'br-internal-name',
      () => leafRules({ subject: [], extensions: [flipped(san({ kind: 'dns', value: 'db.internal' }))] }),
    ],
    ['br-purpose-missing', () => leafRules({ without: [OID.extendedKeyUsage] })],
    ['br-purpose-mixed', () => leafRules({ extensions: [purposes(OID.serverAuth, OID.codeSigning)] })],
    ['br-purpose-critical', () => leafRules({ extensions: [flipped(purposes(OID.serverAuth))] })],
    ['br-policy-missing', () => leafRules({ extensions: [policies('1.2.3')] })],
    ['br-issuer-location-missing', () => leafRules({ without: [OID.authorityInfoAccess] })],
    [
      'br-access-scheme',
      () =>
        leafRules({
          extensions: [
            authorityInfoAccessExtension([{ method: OID.accessCaIssuers, location: uri('https://a.example/') }]),
          ],
        }),
    ],
    ['br-revocation-missing', () => leafRules({ without: [OID.cRLDistributionPoints] })],
    [
      'br-distribution-point-form',
      () => leafRules({ extensions: [crlDistributionPointsExtension(['ldap://a.example/'])] }),
    ],
    [
      'br-organizational-unit',
      () =>
        leafRules({
          subject: [
            { type: 'OU', value: 'a' },
            { type: 'CN', value: 'www.cert-tasks.com' },
          ],
        }),
    ],
    ['br-subject-repeated', () => caRules({ subject: [...publicName, { type: 'O', value: 'Other' }] })],
    ['br-key-usage', () => leafRules({ extensions: [usage('contentCommitment')] })],
    ['br-key-algorithm', () => leafRules({ overrides: { spki: ed25519.der } })],
    ['br-rsa-modulus', () => leafRules({ overrides: { spki: rsa2050.der } })],
    ['br-signature-algorithm', () => rulesUnder('ed25519')],
    ['br-ca-subject', () => caRules({ subject: [{ type: 'CN', value: 'a' }] })],
    ['br-ca-key-usage', () => caRules({ extensions: [usage('keyCertSign')] })],
    [
      'br-ca-key-usage-critical',
      () =>
        caRules({ extensions: [flipped(usage('keyCertSign', 'cRLSign'))] }).filter((rule) => rule.startsWith('br-')),
    ],
    ['br-subordinate-purpose', () => caRules({ without: [OID.extendedKeyUsage] })],
    ['br-subordinate-policy', () => caRules({ without: [OID.certificatePolicies] })],
    ['br-subordinate-revocation', () => caRules({ without: [OID.cRLDistributionPoints] })],
    ['br-root-purpose', () => rootRules({ extensions: [purposes(OID.serverAuth)] })],
    ['br-root-policy', () => rootRules({ extensions: [policies(OID.anyPolicy)] })],
    ['br-root-path-length', () => rootRules({ pathLength: 2 })],
    [
      'br-root-authority-key-identifier',
      () => rootRules({ extensions: [authorityKeyIdentifierExtension(Uint8Array.of(1, 2))] }),
    ],
    [
      'br-serial-number-entropy',
      () => leafRules({ overrides: { serialNumber: 77n } }).filter((rule) => rule.startsWith('br-')),
    ],
  ];
  it.each(tests)('find %s, and only that', (rule, lint) => {
    expect(lint()).toEqual([rule]);
  });

  it('have a test and a relaxation with a reason for every rule', () => {
    const tested = new Set<string>(tests.map(([rule]) => rule));
    expect(Object.keys(BASELINE_LINT_RULES).filter((rule) => !tested.has(rule))).toEqual([]);
    const relaxed: Readonly<Record<string, string>> = privatePki.relaxations;
    expect(Object.keys(BASELINE_LINT_RULES).filter((rule) => (relaxed[rule] ?? '') === '')).toEqual([]);
  });

  it('are relaxed one by one', () => {
    const hole = { ...publicTls, relaxations: { 'br-validity': 'a test' } };
    const input = { overrides: { notAfter: daysOn(300) }, without: [OID.authorityInfoAccess] };
    expect(leafRules(input, hole)).toEqual(['br-issuer-location-missing']);
    expect(leafRules(input, privatePki)).toEqual([]);
  });

  it('follow the calendar of lifetimes', () => {
    for (const [from, days] of [
      ['2026-03-14T23:59:59Z', 398],
      ['2026-03-15T00:00:00Z', 200],
      ['2027-03-15T00:00:00Z', 100],
      ['2029-03-15T00:00:00Z', 47],
    ] as const) {
      const notBefore = new Date(from);
      const last = notBefore.getTime() + days * 86_400_000 - 1000;
      expect(leafRules({ overrides: { notBefore, notAfter: new Date(last) } })).toEqual([]);
      expect(leafRules({ overrides: { notBefore, notAfter: new Date(last + 1000) } })).toEqual(['br-validity']);
    }
  });
});

describe('lintTbsCertList', () => {
  const rules = (input: TestCrlInput, profile: LintProfile = privatePki): string[] =>
    lintTbsCertList(newCrl(root, input).tbs, profile).map(({ rule }) => rule);
  const patched = (before: string, after: string, input: TestCrlInput = {}): string[] => {
    const hex = toHex(newCrl(root, input).tbs);
    expect(hex).toContain(before);
    return lintTbsCertList(fromHex(hex.replace(before, after))).map(({ rule }) => rule);
  };
  const scope = scopedIssuingDistributionPointExtension({
    name: undefined,
    onlyContainsUserCerts: true,
    onlyContainsCaCerts: false,
    onlySomeReasons: undefined,
    indirectCrl: false,
    onlyContainsAttributeCerts: false,
  });
  const leaf = newLeaf(root);
  const time = (text: string): string => Buffer.from(text).toString('hex');
  const planted: readonly (readonly [keyof typeof CRL_LINT_RULES, () => string[]])[] = [
    ['crl-signature-algorithm', () => patched('06082a8648ce3d040302', '06082a8648ce3d040301')],
    ['crl-issuer-name', () => rules({ issuer: buildName([]) })],
    ['crl-next-update', () => patched(time('260602120000Z'), time('260501120000Z'))],
    ['crl-number-missing', () => rules({ without: [OID.cRLNumber] })],
    ['crl-number-critical', () => rules({ extensions: [flipped(crlNumberExtension(1n))] })],
    ['crl-authority-key-identifier-missing', () => rules({ without: [OID.authorityKeyIdentifier] })],
    [
      'crl-authority-key-identifier-critical',
      () => rules({ extensions: [flipped(authorityKeyIdentifierExtension(Uint8Array.of(1)))] }),
    ],
    [
      'crl-delta-indicator-not-critical',
      () => rules({ number: 3n, extensions: [flipped(deltaCrlIndicatorExtension(1n))] }),
    ],
    ['crl-delta-number', () => rules({ number: 3n, extensions: [deltaCrlIndicatorExtension(4n)] })],
    ['crl-distribution-point-not-critical', () => rules({ extensions: [flipped(scope)] })],
    ['crl-freshest-critical', () => rules({ extensions: [flipped(freshestCrlExtension([point({})]))] })],
    [
      'crl-freshest-in-delta',
      () => rules({ number: 3n, extensions: [deltaCrlIndicatorExtension(1n), freshestCrlExtension([point({})])] }),
    ],
    ['crl-entries', () => rules({ revoked: [leaf, leaf] })],
  ];
  it.each(planted)('finds %s, and only that', (rule, lint) => {
    expect(lint()).toEqual([rule]);
  });

  it('has a test for every rule', () => {
    // Version 1 and GeneralizedTime before 2050 cannot be written here; see below.
    const tested = new Set<string>([...planted.map(([rule]) => rule), 'crl-version', 'crl-time-encoding']);
    expect(Object.keys(CRL_LINT_RULES).filter((rule) => !tested.has(rule))).toEqual([]);
    const head = `300a06082a8648ce3d040302${toHex(root.certificate.subject.der)}`;
    const list = (times: string): string[] => {
      const content = `${head}${times}`;
      return lintTbsCertList(fromHex(`30${(content.length / 2).toString(16)}${content}`)).map(({ rule }) => rule);
    };
    const early = `180f${time('20260101000000Z')}`;
    expect(list(`170d${time('260101000000Z')}`)).toContain('crl-version');
    expect(list(early)).toContain('crl-time-encoding');
  });

  it.each([
    ['a revocation in the future', entryFor(leaf, { revocationDate: daysOn(1) })],
    ['removeFromCRL in a complete CRL', entryFor(leaf, { reason: 'removeFromCRL' })],
    ['an issuer in a CRL that is not indirect', entryFor(leaf, { certificateIssuer: root.certificate.subject })],
  ])('finds %s', (_name, entry) => {
    expect(rules({ revoked: [entry] })).toEqual(['crl-entries']);
  });

  it('finds nothing in good CRLs, and applies the Baseline Requirements where told', () => {
    expect(rules({ revoked: [leaf] }, publicTls)).toEqual([]);
    expect(rules({ nextUpdate: daysOn(20) })).toEqual([]);
    expect(rules({ nextUpdate: daysOn(20) }, publicTls)).toEqual(['br-crl-lifetime']);
    expect(rules({ revoked: [entryFor(leaf, { reason: 'certificateHold' })] }, publicTls)).toEqual(['br-crl-hold']);
    expect(rules({ revoked: [entryFor(leaf, { reason: 'cACompromise' })] }, publicTls)).toEqual(['br-crl-reason']);
    expect(lintTbsCertList(fromHex('3000'))).toMatchObject([{ rule: 'malformed' }]);
    expect(rules({ extensions: [{ ...scope, value: fromHex('3000') }] })).toEqual(['malformed-extension']);
  });
});
