import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { mutate, newRandom } from '../test/mutation.ts';
import { newIntermediate, newLeaf, newRoot, newTestKey, TEST_TIME } from '../test/test-authority.ts';
import { daysOn, entryFor, newCrl, newOcspResponse } from '../test/test-revocation.ts';
import {
  distributionPointsExtension,
  freshestCrlExtension,
  scopedIssuingDistributionPointExtension,
} from './build-distribution-point.ts';
import { parseCertificate } from './certificate.ts';
import { parseCertificateBundle } from './certificate-bundle.ts';
import { type CertificateList, parseCertificateList } from './certificate-list.ts';
import { certificatePoliciesExtension, parseCertificatePolicies } from './certificate-policies.ts';
import { deltaCrlIndicatorExtension } from './crl-extension.ts';
import { lintTbsCertificate } from './lint-certificate.ts';
import { lintTbsCertList } from './lint-crl.ts';
import { lintTbsOcspResponse } from './lint-ocsp.ts';
import { LINT_PROFILES } from './lint-profile.ts';
import { encodeOcspCertId, ocspIssuerId } from './ocsp-cert-id.ts';
import { ocspNonceExtension } from './ocsp-nonce.ts';
import { buildOcspRequest, parseOcspRequest } from './ocsp-request.ts';
import { type OcspResponse, parseOcspResponse } from './ocsp-response.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { inhibitAnyPolicyExtension, policyConstraintsExtension } from './policy-constraints.ts';
import { policyMappingsExtension } from './policy-mappings.ts';
import { parsePrivateKeyInfo } from './private-key-info.ts';
import { REVOCATION_POLICIES } from './revocation-policy.ts';
import { signedCertificateTimestampsExtension } from './signed-certificate-timestamp.ts';
import { parseUserNotice } from './user-notice.ts';
import { validatePath } from './validate-path.ts';
import { X509Error } from './x509-error.ts';

/** Mutations of each input. */
const ROUNDS = 700;
const SLOW_TEST = 60_000;
/** Longest that one mutated input may take, in milliseconds; a stall of the machine is far below it. */
const SLOWEST = 2000;

/** Runs an act, which may only succeed or throw X509Error, and in bounded time. Gives true where it succeeded. */
function survives(act: () => unknown): boolean {
  const start = performance.now();
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof X509Error)) throw error;
    return false;
  } finally {
    if (performance.now() - start > SLOWEST) expect.fail('one input took too long');
  }
}

/** Mutates an input many times; gives how many of the results `act` took. */
function fuzz(original: Uint8Array, seed: number, act: (der: Uint8Array) => unknown): number {
  const random = newRandom(seed);
  let taken = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const der = mutate(original, random);
    if (survives(() => act(der))) taken++;
  }
  expect(taken).toBeGreaterThan(20);
  expect(taken).toBeLessThan(ROUNDS);
  return taken;
}

const root = newRoot();
const policyChain = [
  certificatePoliciesExtension({
    policies: [
      { policy: '1.2.3', cpsUris: ['https://a.example/'], userNotices: [{ reference: undefined, explicitText: 'a' }] },
      { policy: OID.anyPolicy },
    ],
    critical: false,
  }),
  policyMappingsExtension({
    mappings: [{ issuerDomainPolicy: '1.2.3', subjectDomainPolicy: '1.2.4' }],
    critical: true,
  }),
  policyConstraintsExtension({ requireExplicitPolicy: 2, inhibitPolicyMapping: 2 }),
  inhibitAnyPolicyExtension(3),
];
const point = {
  name: { kind: 'fullName', names: [{ kind: 'uri', value: 'http://a.example/1.crl' }] },
  reasons: undefined,
  crlIssuer: undefined,
} as const;
const ca = newIntermediate(root, { subject: [{ type: 'CN', value: 'CA' }], extensions: policyChain });
const leaf = newLeaf(ca, {
  extensions: [
    policyChain[0] ?? ocspNonceExtension(Uint8Array.of(1)),
    distributionPointsExtension([point]),
    freshestCrlExtension([point]),
    signedCertificateTimestampsExtension([Uint8Array.of(0, ...new Uint8Array(44), 4, 3, 0, 1, 9)]),
  ],
});
const base = newCrl(ca, { number: 1n, revoked: [newLeaf(ca)] });
const delta = newCrl(ca, { number: 2n, extensions: [deltaCrlIndicatorExtension(1n)] });
const rootCrl = newCrl(root);
const response = newOcspResponse(ca, leaf, { extensions: [ocspNonceExtension(new Uint8Array(32))] });

function verdictOf(crls: readonly CertificateList[], ocspResponses: readonly OcspResponse[], subject = leaf) {
  return validatePath({
    leaf: subject,
    intermediates: [ca.certificate],
    trustAnchors: [root.certificate],
    time: TEST_TIME,
    policy: PATH_POLICIES.rfc5280,
    purposes: [],
    revocation: { policy: REVOCATION_POLICIES.hardFail, crls: [rootCrl, ...crls], ocspResponses },
  });
}

describe('mutated', () => {
  it('policies and distribution points give a verdict and nothing but X509Error', { timeout: SLOW_TEST }, () => {
    expect(verdictOf([base, delta], [response]).ok).toBe(true);
    for (const original of [ca.certificate.der, leaf.der]) {
      fuzz(original, 11, (der) => {
        const certificate = parseCertificate(der);
        lintTbsCertificate(certificate.tbs, LINT_PROFILES.publicTls);
        survives(() =>
          certificate.certificatePolicies?.map(({ qualifiers }) =>
            qualifiers.map((qualifier) => survives(() => parseUserNotice(qualifier))),
          ),
        );
        survives(() => certificate.signedCertificateTimestamps);
        const verdict = verdictOf([base, delta], [response], certificate);
        if (verdict.ok) expect(equalOctets(der, original)).toBe(true);
      });
    }
  });

  it('CRLs never make a certificate good', { timeout: SLOW_TEST }, () => {
    const indirect = newCrl(ca, {
      revoked: [entryFor(newLeaf(ca), { certificateIssuer: ca.certificate.subject, invalidityDate: daysOn(-9) })],
      extensions: [
        scopedIssuingDistributionPointExtension({
          name: point.name,
          onlyContainsUserCerts: true,
          onlyContainsCaCerts: false,
          onlySomeReasons: new Set(['keyCompromise']),
          indirectCrl: true,
          onlyContainsAttributeCerts: false,
        }),
        freshestCrlExtension([point]),
      ],
    });
    for (const original of [base, delta, indirect]) {
      fuzz(original.der, 12, (der) => {
        const list = parseCertificateList(der);
        lintTbsCertList(list.tbs, LINT_PROFILES.publicTls);
        survives(() => list.findIssuedBy(ca.certificate.subject, leaf.serialNumber));
        if (!equalOctets(der, base.der)) expect(verdictOf([list], []).ok).toBe(false);
      });
    }
  });

  it('OCSP responses never make a certificate good', { timeout: SLOW_TEST }, () => {
    const key = newTestKey();
    const responder = { certificate: newLeaf(ca, { key, names: [] }), key };
    for (const original of [response, newOcspResponse(ca, leaf, { responder })]) {
      fuzz(original.der, 13, (der) => {
        const parsed = parseOcspResponse(der);
        if (parsed.status === 'successful') lintTbsOcspResponse(parsed.basic.tbs);
        const untouched =
          parsed.status === 'successful' &&
          response.status === 'successful' &&
          equalOctets(parsed.basic.tbs, response.basic.tbs);
        if (!untouched) expect(verdictOf([], [parsed]).ok).toBe(false);
      });
    }
  });

  it('OCSP requests, bundles, keys and policies give nothing but X509Error', { timeout: SLOW_TEST }, () => {
    const id = ocspIssuerId({ name: root.certificate.subject, publicKey: root.certificate.publicKey }, 'sha256');
    const request = buildOcspRequest({
      certIds: [encodeOcspCertId(id, 1n), encodeOcspCertId(id, 2n)],
      extensions: [ocspNonceExtension(new Uint8Array(32))],
    });
    fuzz(request, 14, (der) => parseOcspRequest(der));
    fuzz(readFixture('bundle', 'PKCS7'), 15, (der) => parseCertificateBundle(der));
    fuzz(new Uint8Array(newTestKey().privateKey.export({ type: 'pkcs8', format: 'der' })), 16, (der) =>
      parsePrivateKeyInfo(der),
    );
    const [policies] = policyChain;
    if (policies === undefined) throw new Error('there is one');
    fuzz(policies.value, 17, (value) => parseCertificatePolicies({ ...policies, value }));
  });
});
