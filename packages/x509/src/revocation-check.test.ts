import { describe, expect, it } from 'vitest';
import {
  newIntermediate,
  newLeaf,
  newRoot,
  newTestKey,
  TEST_TIME,
  type TestAuthority,
  type TestCertificateInput,
} from '../test/test-authority.ts';
import { daysOn, entryFor, newCrl, newOcspResponse } from '../test/test-revocation.ts';
import { codeOf } from '../test/x509-failure.ts';
import {
  distributionPointsExtension,
  freshestCrlExtension,
  scopedIssuingDistributionPointExtension,
} from './build-distribution-point.ts';
import type { RevokedCertificateInput } from './build-tbs-cert-list.ts';
import type { Certificate } from './certificate.ts';
import type { CertificateList } from './certificate-list.ts';
import { crlNumberExtension, deltaCrlIndicatorExtension } from './crl-extension.ts';
import type { DistributionPoint, IssuingDistributionPoint, ReasonFlag } from './distribution-point.ts';
import { extendedKeyUsageExtension } from './extended-key-usage.ts';
import type { Extension } from './extension.ts';
import type { GeneralName } from './general-name.ts';
import { keyUsageExtension } from './key-usage.ts';
import { buildName } from './name.ts';
import { ocspNoCheckExtension } from './ocsp-no-check.ts';
import { ocspNonceExtension } from './ocsp-nonce.ts';
import type { OcspResponse } from './ocsp-response.ts';
import { OID } from './oid.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { REVOCATION_POLICIES, type RevocationInput, type RevocationPolicy } from './revocation-policy.ts';
import { type PathInput, validatePath } from './validate-path.ts';

const root = newRoot();
const ca = newIntermediate(root, { subject: [{ type: 'CN', value: 'CA' }] });
const leaf = newLeaf(ca);
const rootCrl = newCrl(root);

interface Asked {
  readonly leaf?: Certificate;
  readonly crls?: readonly CertificateList[];
  readonly ocsp?: readonly OcspResponse[];
  readonly policy?: Partial<RevocationPolicy>;
  readonly extra?: readonly Certificate[];
  readonly limits?: RevocationInput['limits'];
}

function question(asked: Asked): PathInput {
  return {
    leaf: asked.leaf ?? leaf,
    intermediates: [ca.certificate, ...(asked.extra ?? [])],
    trustAnchors: [root.certificate],
    time: TEST_TIME,
    policy: PATH_POLICIES.rfc5280,
    purposes: [],
    revocation: {
      policy: { ...REVOCATION_POLICIES.hardFail, ...asked.policy },
      crls: [rootCrl, ...(asked.crls ?? [])],
      ocspResponses: asked.ocsp ?? [],
      ...(asked.limits === undefined ? {} : { limits: asked.limits }),
    },
  };
}

/** `ok`, or the rule that refused the path tried first. */
function ask(asked: Asked): string {
  const verdict = validatePath(question(asked));
  return verdict.ok ? 'ok' : (verdict.failures[0]?.rule ?? 'no reason');
}

function why(asked: Asked): string {
  const verdict = validatePath(question(asked));
  return verdict.ok ? 'ok' : verdict.failures.map(({ detail }) => detail).join(' | ');
}

const unknown = 'revocation-unknown';
const uri = (value: string): GeneralName => ({ kind: 'uri', value });
const directory = (name: string): GeneralName => ({
  kind: 'directoryName',
  name: buildName([{ type: 'CN', value: name }]),
});

function point(difference: Partial<DistributionPoint>): DistributionPoint {
  return { name: undefined, reasons: undefined, crlIssuer: undefined, ...difference };
}

function fullName(...names: GeneralName[]): Pick<DistributionPoint, 'name'> {
  return { name: { kind: 'fullName', names } };
}

function idp(difference: Partial<IssuingDistributionPoint>): Extension {
  return scopedIssuingDistributionPointExtension({
    name: undefined,
    onlyContainsUserCerts: false,
    onlyContainsCaCerts: false,
    onlySomeReasons: undefined,
    indirectCrl: false,
    onlyContainsAttributeCerts: false,
    ...difference,
  });
}

describe('complete CRLs', () => {
  it('say who is revoked and who is not, with the evidence', () => {
    const list = newCrl(ca);
    const verdict = validatePath(question({ crls: [list] }));
    expect(verdict).toMatchObject({
      ok: true,
      revocation: [
        { certificateIndex: 0, status: { kind: 'good', sources: [{ kind: 'crl', list, signer: ca.certificate }] } },
        { certificateIndex: 1, status: { kind: 'good', sources: [{ list: rootCrl, signer: root.certificate }] } },
      ],
    });
    const revoked = newCrl(ca, { revoked: [entryFor(leaf, { reason: 'superseded' })] });
    expect(validatePath(question({ crls: [revoked] }))).toMatchObject({
      ok: false,
      failures: [
        {
          rule: 'revoked',
          certificateIndex: 0,
          subject: 'CN=leaf.example.com',
          detail: 'revoked at 2026-01-01T00:00:00.000Z (superseded)',
          revocation: { kind: 'revoked', reason: 'superseded', source: { kind: 'crl', list: revoked } },
        },
      ],
    });
  });

  it('refuse a revoked CA and one on hold', () => {
    const other = newCrl(root, { revoked: [ca.certificate], thisUpdate: daysOn(0) });
    expect(ask({ crls: [other, newCrl(ca)] })).toBe('revoked');
    expect(ask({ crls: [newCrl(ca, { revoked: [entryFor(leaf, { reason: 'certificateHold' })] })] })).toBe('revoked');
  });

  it('must be there, unless the policy is soft', () => {
    expect(ask({})).toBe(unknown);
    expect(why({})).toContain('no CRL or OCSP response is about it');
    expect(ask({ policy: REVOCATION_POLICIES.softFail })).toBe('ok');
    expect(ask({ crls: [newCrl(ca, { revoked: [leaf] })], policy: REVOCATION_POLICIES.softFail })).toBe('revoked');
    expect(ask({ crls: [newCrl(ca)], policy: { scope: 'leaf' } })).toBe('ok');
    const soft = validatePath(question({ policy: REVOCATION_POLICIES.softFail }));
    expect(soft).toMatchObject({
      ok: true,
      revocation: [{ status: { kind: 'unknown' } }, { status: { kind: 'good' } }],
    });
  });

  it.each<[string, () => CertificateList, string]>([
    ['the past', () => newCrl(ca, { thisUpdate: daysOn(-9), nextUpdate: daysOn(-1) }), 'it held until'],
    ['the future', () => newCrl(ca, { thisUpdate: daysOn(1), nextUpdate: daysOn(2) }), 'of the future'],
    ['another key', () => newCrl(ca, { key: newTestKey() }), 'its signature is wrong'],
    ['no number', () => newCrl(ca, { without: [OID.cRLNumber] }), 'cRLNumber is missing'],
    [
      'a critical number',
      () => newCrl(ca, { extensions: [{ ...crlNumberExtension(1n), critical: true }] }),
      'must not be critical',
    ],
    [
      'an unknown critical extension',
      () => newCrl(ca, { extensions: [{ oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }] }),
      'unknown critical extension 1.2.3.4',
    ],
  ])('of %s do not count', (_name, list, detail) => {
    expect(ask({ crls: [list()] })).toBe(unknown);
    expect(why({ crls: [list()] })).toContain(detail);
  });

  it('of another issuer do not count', () => {
    const other = newIntermediate(root, { subject: [{ type: 'CN', value: 'other' }] });
    expect(ask({ crls: [newCrl(other)], extra: [other.certificate] })).toBe(unknown);
    expect(ask({ crls: [newCrl(other, { revoked: [leaf] }), newCrl(ca)], extra: [other.certificate] })).toBe('ok');
  });

  it('count while the clocks differ no more than is tolerated, and no longer than the policy says', () => {
    const late = newCrl(ca, { nextUpdate: new Date(TEST_TIME.getTime() - 30_000) });
    expect(ask({ crls: [late] })).toBe(unknown);
    expect(ask({ crls: [late], policy: { clockTolerance: 60_000 } })).toBe('ok');
    expect(ask({ crls: [newCrl(ca)], policy: { maxAge: 3_600_000 } })).toBe(unknown);
    expect(ask({ crls: [newCrl(ca)], policy: { maxAge: 2 * 86_400_000 } })).toBe('ok');
  });

  it('are asked newest first', () => {
    const older = newCrl(ca, { revoked: [entryFor(leaf, { reason: 'certificateHold' })], thisUpdate: daysOn(-2) });
    expect(ask({ crls: [older, newCrl(ca, { number: 2n })] })).toBe('ok');
    const newer = newCrl(ca, { revoked: [leaf], thisUpdate: daysOn(0) });
    expect(ask({ crls: [newCrl(ca), newer] })).toBe('revoked');
  });

  it('are signed by a key that may sign them', () => {
    const mute = newIntermediate(root, {
      subject: [{ type: 'CN', value: 'mute' }],
      extensions: [keyUsageExtension({ usages: ['keyCertSign'], critical: true })],
    });
    const asked = { leaf: newLeaf(mute), extra: [mute.certificate], crls: [newCrl(mute)] };
    expect(ask(asked)).toBe(unknown);
    expect(why(asked)).toContain('does not have cRLSign');
  });
});

describe('CRLs under a key of their own', () => {
  const crlKey = newTestKey();
  /** The CA's name, certified by the root for CRLs alone. */
  const crlSigner = newIntermediate(root, {
    subject: [{ type: 'CN', value: 'CA' }],
    key: crlKey,
    extensions: [keyUsageExtension({ usages: ['cRLSign'], critical: true })],
  });
  const list = newCrl(ca, { key: crlKey });

  it('need a certificate with a path to the same anchor', () => {
    expect(ask({ crls: [list] })).toBe(unknown);
    expect(ask({ crls: [list], extra: [crlSigner.certificate] })).toBe('ok');
    expect(ask({ crls: [newCrl(ca, { key: crlKey, revoked: [leaf] })], extra: [crlSigner.certificate] })).toBe(
      'revoked',
    );
    const stranger = newIntermediate(newRoot({ subject: [{ type: 'CN', value: 'other root' }] }), {
      subject: [{ type: 'CN', value: 'CA' }],
      key: crlKey,
    });
    expect(ask({ crls: [list], extra: [stranger.certificate] })).toBe(unknown);
    expect(why({ crls: [list], extra: [stranger.certificate] })).toContain('no path to the same anchor');
  });

  it('do not count where that certificate is revoked', () => {
    const newer = newCrl(root, { revoked: [crlSigner.certificate], thisUpdate: daysOn(0) });
    expect(ask({ crls: [list, newer], extra: [crlSigner.certificate] })).toBe(unknown);
    expect(why({ crls: [list, newer], extra: [crlSigner.certificate] })).toContain('its signer is revoked');
  });

  it('do not vouch for the certificate that signed them', () => {
    const issued = newIntermediate(ca, { subject: [{ type: 'CN', value: 'CA' }], key: crlKey });
    const own = newCrl(ca, { key: crlKey });
    expect(ask({ crls: [own], extra: [issued.certificate] })).toBe(unknown);
    const policy = { signersMayVouchForThemselves: true };
    expect(ask({ crls: [own], extra: [issued.certificate], policy })).toBe('ok');
    // With a CRL under the CA's own key the circle is broken.
    const aboutSigner = newCrl(ca, { thisUpdate: daysOn(-3) });
    expect(ask({ crls: [own, aboutSigner], extra: [issued.certificate] })).toBe('ok');
  });
});

describe('scopes of CRLs', () => {
  it('are kinds of certificates', () => {
    expect(ask({ crls: [newCrl(ca, { extensions: [idp({ onlyContainsUserCerts: true })] })] })).toBe('ok');
    expect(ask({ crls: [newCrl(ca, { extensions: [idp({ onlyContainsCaCerts: true })] })] })).toBe(unknown);
    expect(ask({ crls: [newCrl(ca, { extensions: [idp({ onlyContainsAttributeCerts: true })] })] })).toBe(unknown);
  });

  it('are distribution points', () => {
    const named = newLeaf(ca, {
      extensions: [distributionPointsExtension([point(fullName(uri('http://a.example/1.crl')))])],
    });
    const list = (name: string): CertificateList => newCrl(ca, { extensions: [idp(fullName(uri(name)))] });
    expect(ask({ leaf: named, crls: [list('http://a.example/1.crl')] })).toBe('ok');
    expect(ask({ leaf: named, crls: [list('http://a.example/2.crl')] })).toBe(unknown);
    // A CRL that names no distribution point is for all.
    expect(ask({ leaf: named, crls: [newCrl(ca)] })).toBe('ok');
    // A certificate that names none is not on a CRL that names one.
    expect(ask({ crls: [list('http://a.example/1.crl')] })).toBe(unknown);
  });

  it('may be named relative to the issuer', () => {
    const rdn = buildName([{ type: 'CN', value: 'partition' }]).rdns[0] ?? [];
    const relative = { name: { kind: 'relativeName', rdn } } as const;
    const whole = fullName({
      kind: 'directoryName',
      name: buildName([
        { type: 'CN', value: 'CA' },
        { type: 'CN', value: 'partition' },
      ]),
    });
    for (const [inLeaf, inCrl, expected] of [
      [relative, relative, 'ok'],
      [relative, whole, 'ok'],
      [whole, relative, 'ok'],
      [fullName(directory('partition')), relative, unknown],
    ] as const) {
      const named = newLeaf(ca, { extensions: [distributionPointsExtension([point(inLeaf)])] });
      expect(ask({ leaf: named, crls: [newCrl(ca, { extensions: [idp(inCrl)] })] })).toBe(expected);
    }
  });

  it('are reasons, and all of them must be covered', () => {
    const some: ReadonlySet<ReasonFlag> = new Set(['keyCompromise', 'cACompromise']);
    const rest: ReadonlySet<ReasonFlag> = new Set([
      'affiliationChanged',
      'superseded',
      'cessationOfOperation',
      'certificateHold',
      'privilegeWithdrawn',
      'aACompromise',
    ]);
    const first = newCrl(ca, { extensions: [idp({ onlySomeReasons: some })] });
    const second = newCrl(ca, { extensions: [idp({ onlySomeReasons: rest })] });
    expect(ask({ crls: [first] })).toBe(unknown);
    expect(why({ crls: [first] })).toContain('do not answer for all reasons');
    expect(ask({ crls: [first, second] })).toBe('ok');
    const third = newCrl(ca, { revoked: [leaf], extensions: [idp({ onlySomeReasons: rest })] });
    expect(ask({ crls: [first, third] })).toBe('revoked');
  });
});

describe('indirect CRLs', () => {
  const indirectIssuer = newIntermediate(root, {
    subject: [{ type: 'CN', value: 'CRL issuer' }],
    extensions: [keyUsageExtension({ usages: ['cRLSign'], critical: true })],
  });
  const named = newLeaf(ca, {
    extensions: [distributionPointsExtension([point({ crlIssuer: [directory('CRL issuer')] })])],
  });
  const extra = [indirectIssuer.certificate];
  const indirect = [idp({ indirectCrl: true })];

  it('are asked where the certificate says so', () => {
    expect(ask({ leaf: named, extra, crls: [newCrl(indirectIssuer, { extensions: indirect })] })).toBe('ok');
    expect(ask({ leaf: named, extra, crls: [newCrl(indirectIssuer)] })).toBe(unknown);
    expect(ask({ extra, crls: [newCrl(indirectIssuer, { extensions: indirect })] })).toBe(unknown);
  });

  it('list certificates by their issuer, which holds until the next is named', () => {
    const of = (...revoked: readonly RevokedCertificateInput[]): string =>
      ask({ leaf: named, extra, crls: [newCrl(indirectIssuer, { revoked, extensions: indirect })] });
    const other = newLeaf(ca);
    const issuer = ca.certificate.subject;
    expect(of(entryFor(named, { certificateIssuer: issuer }))).toBe('revoked');
    expect(of(entryFor(other, { certificateIssuer: issuer }), entryFor(named))).toBe('revoked');
    expect(of(entryFor(named))).toBe('ok');
    expect(of(entryFor(named, { certificateIssuer: buildName([{ type: 'CN', value: 'else' }]) }))).toBe('ok');
    expect(
      of(
        entryFor(other, { certificateIssuer: issuer }),
        entryFor(named, { certificateIssuer: root.certificate.subject }),
      ),
    ).toBe('ok');
  });

  it('must say that they are', () => {
    const list = newCrl(ca, { revoked: [entryFor(newLeaf(ca), { certificateIssuer: root.certificate.subject })] });
    expect(ask({ crls: [list] })).toBe(unknown);
    expect(why({ crls: [list] })).toContain('does not say that it is indirect');
    expect(codeOf(() => list.find(1n))).toBe('unsupported-extension');
  });
});

describe('delta CRLs', () => {
  const delta = (base: bigint, number: bigint, input: Parameters<typeof newCrl>[1] = {}): CertificateList =>
    newCrl(ca, { ...input, number, extensions: [deltaCrlIndicatorExtension(base), ...(input.extensions ?? [])] });

  it('add to and take from their base', () => {
    const base = newCrl(ca, { number: 3n });
    const held = newCrl(ca, { number: 3n, revoked: [entryFor(leaf, { reason: 'certificateHold' })] });
    expect(ask({ crls: [base, delta(3n, 4n)] })).toBe('ok');
    expect(ask({ crls: [base, delta(3n, 4n, { revoked: [leaf] })] })).toBe('revoked');
    expect(ask({ crls: [held, delta(2n, 4n)] })).toBe('revoked');
    expect(ask({ crls: [held, delta(2n, 4n, { revoked: [entryFor(leaf, { reason: 'removeFromCRL' })] })] })).toBe('ok');
  });

  it('are not complete by themselves, and go with their own base only', () => {
    expect(ask({ crls: [delta(3n, 4n)] })).toBe(unknown);
    const base = newCrl(ca, { number: 3n });
    const revoked = { revoked: [leaf] };
    // Its base is newer; it is older than the base; its scope is another. Then the base alone counts.
    expect(ask({ crls: [base, delta(4n, 5n, revoked)] })).toBe('ok');
    expect(ask({ crls: [base, delta(1n, 2n, revoked)] })).toBe('ok');
    const scoped = { ...revoked, extensions: [idp({ onlyContainsUserCerts: true })] };
    expect(ask({ crls: [base, delta(3n, 4n, scoped)] })).toBe('ok');
    expect(ask({ crls: [base, delta(3n, 4n, { key: newTestKey(), without: [OID.authorityKeyIdentifier] })] })).toBe(
      'ok',
    );
  });

  it('make an older base good where the certificate names them', () => {
    const old = newCrl(ca, { number: 3n, thisUpdate: daysOn(-9), nextUpdate: daysOn(-1) });
    expect(ask({ crls: [old, delta(3n, 4n)] })).toBe(unknown);
    const fresh = newLeaf(ca, { extensions: [freshestCrlExtension([point(fullName(uri('http://a.example/d.crl')))])] });
    expect(ask({ leaf: fresh, crls: [old, delta(3n, 4n)] })).toBe('ok');
    expect(ask({ leaf: fresh, crls: [old, delta(3n, 4n, { nextUpdate: daysOn(-1), thisUpdate: daysOn(-2) })] })).toBe(
      unknown,
    );
    expect(ask({ leaf: fresh, crls: [old, delta(3n, 4n, { revoked: [fresh] })] })).toBe('revoked');
  });

  it('must be signed by the key of their base', () => {
    const base = newCrl(ca, { number: 3n });
    const forged = newCrl(
      { certificate: ca.certificate, key: { privateKey: newTestKey().privateKey, publicKey: ca.key.publicKey } },
      { number: 4n, extensions: [deltaCrlIndicatorExtension(3n)] },
    );
    expect(ask({ crls: [base, forged] })).toBe(unknown);
    expect(why({ crls: [base, forged] })).toContain('the signature of its delta CRL is wrong');
  });
});

describe('OCSP responses', () => {
  const responderFor = (authority: TestAuthority, input: TestCertificateInput = {}): TestAuthority => {
    const key = input.key ?? newTestKey();
    const certificate = newLeaf(authority, {
      subject: [{ type: 'CN', value: 'responder' }],
      names: [],
      ...input,
      key,
      extensions: [
        ...(input.extensions ?? [
          extendedKeyUsageExtension({ purposes: [OID.ocspSigning], critical: false }),
          ocspNoCheckExtension(),
        ]),
      ],
    });
    return { certificate, key };
  };

  it('of the issuer itself count, named by key or name, whatever the digest', () => {
    for (const digest of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
      expect(ask({ ocsp: [newOcspResponse(ca, leaf, { digest })] })).toBe('ok');
      expect(ask({ ocsp: [newOcspResponse(ca, leaf, { digest, byName: true })] })).toBe('ok');
    }
    const revoked = { kind: 'revoked', revocationDate: daysOn(-2), reason: 'keyCompromise' } as const;
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { status: revoked })] })).toBe('revoked');
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { status: { kind: 'unknown' } })] })).toBe(unknown);
    expect(ask({ ocsp: [newOcspResponse(ca, newLeaf(ca))] })).toBe(unknown);
    expect(ask({ ocsp: [newOcspResponse(root, leaf)] })).toBe(unknown);
  });

  it('and CRLs are both asked, and either may refuse', () => {
    const revoked = { kind: 'revoked', revocationDate: daysOn(-2), reason: 'unspecified' } as const;
    expect(ask({ ocsp: [newOcspResponse(ca, leaf)], crls: [newCrl(ca, { revoked: [leaf] })] })).toBe('revoked');
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { status: revoked })], crls: [newCrl(ca)] })).toBe('revoked');
    const verdict = validatePath(question({ ocsp: [newOcspResponse(ca, leaf)], crls: [newCrl(ca)] }));
    expect(verdict).toMatchObject({ revocation: [{ status: { sources: [{ kind: 'ocsp' }, { kind: 'crl' }] } }, {}] });
  });

  it('are asked newest first', () => {
    const revoked = { kind: 'revoked', revocationDate: daysOn(-2), reason: 'certificateHold' } as const;
    const older = newOcspResponse(ca, leaf, { status: revoked, thisUpdate: daysOn(-3), producedAt: daysOn(-3) });
    expect(ask({ ocsp: [older, newOcspResponse(ca, leaf)] })).toBe('ok');
  });

  it('of a delegated responder count where the issuer delegated', () => {
    const responder = responderFor(ca);
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { responder })] })).toBe('ok');
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { responder, byName: true })] })).toBe('ok');
    expect(ask({ ocsp: [newOcspResponse(ca, leaf, { responder, certificates: [] })] })).toBe(unknown);
    expect(
      ask({
        ocsp: [
          newOcspResponse(ca, leaf, { responder, certificates: [Uint8Array.of(0x30, 0), responder.certificate.der] }),
        ],
      }),
    ).toBe('ok');
  });

  const purpose = extendedKeyUsageExtension({ purposes: [OID.ocspSigning], critical: false });
  it.each<[string, () => TestAuthority, string]>([
    ['no purpose', () => responderFor(ca, { extensions: [ocspNoCheckExtension()] }), 'not certified for OCSP signing'],
    [
      'another purpose',
      () =>
        responderFor(ca, { extensions: [extendedKeyUsageExtension({ purposes: [OID.serverAuth], critical: false })] }),
      'not certified for OCSP signing',
    ],
    [
      'any purpose',
      () =>
        responderFor(ca, {
          extensions: [extendedKeyUsageExtension({ purposes: [OID.anyExtendedKeyUsage], critical: false })],
        }),
      'not certified for OCSP signing',
    ],
    ['another issuer', () => responderFor(root, { extensions: [purpose] }), 'not certified by the issuer itself'],
    [
      'an issuer of the same key',
      () => responderFor(newIntermediate(root, { subject: [{ type: 'CN', value: 'other' }], key: ca.key })),
      'not certified by the issuer itself',
    ],
    [
      'an issuer of the same name',
      () => responderFor(newIntermediate(root, { subject: [{ type: 'CN', value: 'CA' }] })),
      'not certified by the issuer itself',
    ],
    ['a validity in the past', () => responderFor(ca, { overrides: { notAfter: daysOn(-1) } }), 'not valid after'],
    [
      'a key usage without digitalSignature',
      () =>
        responderFor(ca, { extensions: [purpose, keyUsageExtension({ usages: ['keyAgreement'], critical: true })] }),
      'does not have digitalSignature',
    ],
  ])('of a responder with %s do not count', (_name, make, detail) => {
    const asked = { ocsp: [newOcspResponse(ca, leaf, { responder: make() })] };
    expect(ask(asked)).toBe(unknown);
    expect(why(asked)).toContain(detail);
  });

  it('of a responder without ocsp-nocheck count where it is known not to be revoked', () => {
    const responder = responderFor(ca, { extensions: [purpose] });
    const response = newOcspResponse(ca, leaf, { responder });
    expect(ask({ ocsp: [response] })).toBe(unknown);
    expect(why({ ocsp: [response] })).toContain('unknown whether its signer is revoked');
    expect(ask({ ocsp: [response, newOcspResponse(ca, responder.certificate)] })).toBe('ok');
    // It must not vouch for itself.
    expect(ask({ ocsp: [response, newOcspResponse(ca, responder.certificate, { responder })] })).toBe(unknown);
    const revoked = { kind: 'revoked', revocationDate: daysOn(-2), reason: 'keyCompromise' } as const;
    const about = newOcspResponse(ca, responder.certificate, { status: revoked });
    expect(ask({ ocsp: [response, about] })).toBe(unknown);
    expect(ask({ ocsp: [response], policy: REVOCATION_POLICIES.softFail })).toBe('ok');
  });

  it.each<[string, OcspResponse, string]>([
    ['the past', newOcspResponse(ca, leaf, { thisUpdate: daysOn(-3), nextUpdate: daysOn(-1) }), 'it held until'],
    ['the future', newOcspResponse(ca, leaf, { thisUpdate: daysOn(1), nextUpdate: daysOn(2) }), 'of the future'],
    [
      'a wrong signature',
      newOcspResponse({ ...ca, key: { ...ca.key, privateKey: newTestKey().privateKey } }, leaf),
      'its signature is wrong',
    ],
  ])('of %s do not count', (_name, response, detail) => {
    expect(ask({ ocsp: [response] })).toBe(unknown);
    expect(why({ ocsp: [response] })).toContain(detail);
  });

  it('carry the nonce that was sent', () => {
    const nonce = new Uint8Array(32).fill(7);
    const fresh = newOcspResponse(ca, leaf, { extensions: [ocspNonceExtension(nonce)] });
    const policy = { nonce, scope: 'leaf' as const };
    expect(ask({ ocsp: [fresh], policy })).toBe('ok');
    expect(ask({ ocsp: [newOcspResponse(ca, leaf)], policy })).toBe(unknown);
    expect(ask({ ocsp: [fresh], policy: { ...policy, nonce: new Uint8Array(32) } })).toBe(unknown);
  });
});

describe('the work of revocation', () => {
  it('is bounded', () => {
    const limits = { maxSources: 3, maxSignatureChecks: 1, maxDepth: 4 };
    expect(codeOf(() => ask({ crls: [rootCrl, rootCrl, rootCrl], limits }))).toBe('invalid-argument');
    expect(ask({ crls: [newCrl(ca)], limits })).toBe(unknown);
    expect(why({ crls: [newCrl(ca)], limits })).toContain('too many signatures');
    // Each CRL is signed under a key whose certificate needs the next one.
    const [crls, extra]: [CertificateList[], Certificate[]] = [[], []];
    let above = ca;
    for (let i = 0; i < 8; i++) {
      above = newIntermediate(above, { subject: [{ type: 'CN', value: 'CA' }] });
      extra.push(above.certificate);
      crls.push(newCrl(above, { thisUpdate: daysOn(-10 + i) }));
    }
    const start = performance.now();
    expect(ask({ crls, extra })).toBe(unknown);
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
