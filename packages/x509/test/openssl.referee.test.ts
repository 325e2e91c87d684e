import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  ANY_POLICY_QUESTION,
  assembleCertificationRequest,
  authorityInfoAccessExtension,
  buildCertificateBundle,
  buildCertificationRequestInfo,
  buildName,
  buildOcspRequest,
  buildPrivateKeyInfo,
  type Certificate,
  certificatePoliciesExtension,
  crlDistributionPointsExtension,
  decodePem,
  deltaCrlIndicatorExtension,
  type Extension,
  encodeOcspCertId,
  encodePem,
  extendedKeyUsageExtension,
  freshestCrlExtension,
  inhibitAnyPolicyExtension,
  issuerAltNameExtension,
  nameConstraintsExtension,
  OID,
  ocspIssuerId,
  ocspNoCheckExtension,
  ocspNonceExtension,
  PATH_POLICIES,
  type PolicyQuestion,
  parseCertificateList,
  parseOcspRequest,
  parseOcspResponse,
  parsePrivateKeyInfo,
  policyConstraintsExtension,
  policyMappingsExtension,
  REVOCATION_POLICIES,
  scopedIssuingDistributionPointExtension,
  subjectAltNameExtension,
  subjectInfoAccessExtension,
  tlsFeatureExtension,
  validatePath,
} from '../src/index.ts';
import { newRandom } from './mutation.ts';
import {
  newIntermediate,
  newLeaf,
  newRoot,
  newTestKey,
  TEST_NOT_BEFORE,
  TEST_TIME,
  type TestAuthority,
} from './test-authority.ts';
import { daysOn, entryFor, newCrl, newOcspResponse } from './test-revocation.ts';

// OpenSSL as a referee: it must read what is written here, and say of paths what is said here. Fails where it is missing.

const folder = mkdtempSync(join(tmpdir(), 'x509-referee-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Output of a command that may end in failure: true where it ended well. */
function succeeds(...args: string[]): boolean {
  try {
    openssl(...args);
    return true;
  } catch (error) {
    // Only an exit status is an answer; a missing program is not.
    if (error instanceof Error && 'status' in error && typeof error.status === 'number') return false;
    throw error;
  }
}

function put(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

const SLOW_TEST = 300_000;
const seconds = String(TEST_TIME.getTime() / 1000);
const root = newRoot();
const ca = newIntermediate(root, { subject: [{ type: 'CN', value: 'CA' }] });
put('root.pem', encodePem('CERTIFICATE', root.certificate.der));
put('ca.pem', encodePem('CERTIFICATE', ca.certificate.der));

describe('openssl', () => {
  it('is there', () => {
    expect(openssl('version')).toMatch(/^OpenSSL [3-9]\./);
  });

  it('reads every extension that is written', () => {
    const uri = (value: string) => ({ kind: 'uri', value }) as const;
    const point = {
      name: { kind: 'fullName', names: [uri('http://a.example/d.crl')] },
      reasons: undefined,
      crlIssuer: undefined,
    } as const;
    const authority = newIntermediate(root, {
      extensions: [
        certificatePoliciesExtension({
          policies: [
            {
              policy: '1.2.3.4',
              cpsUris: ['https://a.example/cps'],
              userNotices: [{ reference: { organization: 'Org', numbers: [7n] }, explicitText: 'Notice text' }],
            },
          ],
          critical: false,
        }),
        policyMappingsExtension({
          mappings: [{ issuerDomainPolicy: '1.2.3.4', subjectDomainPolicy: '1.2.3.5' }],
          critical: true,
        }),
        policyConstraintsExtension({ requireExplicitPolicy: 3, inhibitPolicyMapping: 4 }),
        inhibitAnyPolicyExtension(5),
        nameConstraintsExtension({
          permitted: [
            { kind: 'dns', value: 'example.com' },
            { kind: 'ip', value: '192.0.2.0/24' },
          ],
          excluded: [
            { kind: 'email', value: 'bad.example' },
            { kind: 'uri', value: '.bad.example' },
            { kind: 'directoryName', name: buildName([{ type: 'O', value: 'Bad' }]) },
          ],
        }),
        issuerAltNameExtension({ names: [uri('http://issuer.example/')], critical: false }),
        subjectInfoAccessExtension([{ method: OID.caRepository, location: uri('http://repo.example/') }]),
        freshestCrlExtension([point]),
        crlDistributionPointsExtension(['http://a.example/1.crl']),
        authorityInfoAccessExtension([{ method: OID.accessOcsp, location: uri('http://ocsp.example/') }]),
        tlsFeatureExtension([5]),
        ocspNoCheckExtension(),
        extendedKeyUsageExtension({ purposes: [OID.ocspSigning], critical: false }),
      ],
    });
    const text = openssl(
      'x509',
      '-in',
      put('every.pem', encodePem('CERTIFICATE', authority.certificate.der)),
      '-noout',
      '-text',
    );
    for (const expected of [
      'CPS: https://a.example/cps',
      'Explicit Text: Notice text',
      'Organization: Org',
      '1.2.3.4:1.2.3.5',
      'Require Explicit Policy:3, Inhibit Policy Mapping:4',
      'X509v3 Inhibit Any Policy: critical',
      'DNS:example.com',
      'IP:192.0.2.0/255.255.255.0',
      'email:bad.example',
      'URI:.bad.example',
      'DirName:O = Bad',
      'X509v3 Issuer Alternative Name',
      'CA Repository - URI:http://repo.example/',
      'X509v3 Freshest CRL',
      'OCSP - URI:http://ocsp.example/',
      'status_request',
      'OCSP No Check',
    ]) {
      expect(text).toContain(expected);
    }
  });

  it('reads and verifies CRLs', () => {
    const revoked = [
      entryFor(newLeaf(ca), { invalidityDate: TEST_NOT_BEFORE, certificateIssuer: root.certificate.subject }),
    ];
    const scope = scopedIssuingDistributionPointExtension({
      name: { kind: 'fullName', names: [{ kind: 'uri', value: 'http://a.example/1.crl' }] },
      onlyContainsUserCerts: true,
      onlyContainsCaCerts: false,
      onlySomeReasons: new Set(['keyCompromise', 'superseded']),
      indirectCrl: true,
      onlyContainsAttributeCerts: false,
    });
    const list = newCrl(ca, { revoked, number: 5n, extensions: [scope, deltaCrlIndicatorExtension(4n)] });
    const file = put('list.pem', encodePem('X509 CRL', list.der));
    const text = openssl('crl', '-in', file, '-noout', '-text', '-CAfile', 'ca.pem');
    for (const expected of [
      'Only User Certificates',
      'Indirect CRL',
      'Only Some Reasons',
      'Key Compromise, Superseded',
      'Delta CRL Indicator: critical',
      'Certificate Issuer: critical',
      'Invalidity Date',
    ])
      expect(text).toContain(expected);
    expect(succeeds('crl', '-in', file, '-noout', '-CAfile', 'ca.pem')).toBe(true);
  });

  it('reads bundles, keys and requests', () => {
    const bundle = buildCertificateBundle({
      certificates: [root.certificate.der, ca.certificate.der],
      crls: [newCrl(ca).der],
    });
    const printed = openssl('pkcs7', '-in', put('bundle.pem', encodePem('PKCS7', bundle)), '-print_certs', '-noout');
    expect(printed).toContain('CN = CA');
    const pairs: readonly { privateKey: KeyObject }[] = [
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ed25519'),
    ];
    for (const { privateKey } of pairs) {
      const info = parsePrivateKeyInfo(new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })));
      const der = buildPrivateKeyInfo({ algorithmDer: info.algorithmDer, privateKey: info.privateKey });
      expect(succeeds('pkey', '-in', put('key.pem', encodePem('PRIVATE KEY', der)), '-check', '-noout')).toBe(true);
    }
    // A key of openssl, in its own PKCS#8.
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-outform', 'DER', '-out', 'own.der');
    const pem = openssl('pkey', '-inform', 'DER', '-in', 'own.der');
    expect(parsePrivateKeyInfo(decodePem(pem, 'PRIVATE KEY')).algorithm).toBe(OID.ecPublicKey);
    const key = newTestKey();
    const tbs = buildCertificationRequestInfo({
      subject: buildName([{ type: 'CN', value: 'a' }]),
      spki: key.publicKey.der,
      extensions: [tlsFeatureExtension([5])],
    });
    const request = assembleCertificationRequest({
      tbs,
      signatureAlgorithm: 'ecdsa-sha256',
      signature: new Uint8Array(sign('sha256', tbs, key.privateKey)),
    });
    expect(succeeds('req', '-in', put('req.pem', encodePem('CERTIFICATE REQUEST', request)), '-verify', '-noout')).toBe(
      true,
    );
  });

  it('reads OCSP requests and verifies OCSP responses, and we read its own', () => {
    const leaf = newLeaf(ca, {
      extensions: [subjectAltNameExtension({ names: [{ kind: 'dns', value: 'a.example' }], critical: false })],
    });
    const id = ocspIssuerId({ name: ca.certificate.subject, publicKey: ca.certificate.publicKey }, 'sha1');
    const request = buildOcspRequest({
      certIds: [encodeOcspCertId(id, leaf.serialNumber)],
      extensions: [ocspNonceExtension(new Uint8Array(32).fill(3))],
    });
    const text = openssl('ocsp', '-reqin', put('ocsp.req', request), '-req_text');
    expect(text).toContain(leaf.serialNumberHex.toUpperCase());
    put('leaf.pem', encodePem('CERTIFICATE', leaf.der));
    openssl('ocsp', '-issuer', 'ca.pem', '-sha256', '-cert', 'leaf.pem', '-reqout', 'own.req');
    const own = parseOcspRequest(new Uint8Array(execFileSync('cat', [join(folder, 'own.req')])));
    expect(own.requests[0]?.certId).toMatchObject({ digest: 'sha256', serialNumber: leaf.serialNumber });
    expect(own.nonce).toBeDefined();
    const response = newOcspResponse(ca, leaf, {
      thisUpdate: new Date('2026-01-01T00:00:00Z'),
      nextUpdate: new Date('2096-01-01T00:00:00Z'),
    });
    put('ocsp.res', response.der);
    const verified = openssl(
      'ocsp',
      '-respin',
      'ocsp.res',
      '-issuer',
      'ca.pem',
      '-cert',
      'leaf.pem',
      '-CAfile',
      'root.pem',
      '-verify_other',
      'ca.pem',
      '-no_nonce',
      '-attime',
      seconds,
    );
    expect(verified).toContain('leaf.pem: good');
    // A response that openssl made with a delegated responder.
    const key = newTestKey();
    const certificate = newLeaf(ca, {
      key,
      names: [],
      extensions: [extendedKeyUsageExtension({ purposes: [OID.ocspSigning], critical: false }), ocspNoCheckExtension()],
    });
    put('responder.pem', encodePem('CERTIFICATE', certificate.der));
    put('responder.key', key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    const date = '260101000000Z';
    put(
      'index.txt',
      `R\t270101000000Z\t${date},superseded\t${leaf.serialNumberHex.toUpperCase()}\tunknown\t/CN=leaf\n`,
    );
    openssl(
      'ocsp',
      '-index',
      'index.txt',
      '-rsigner',
      'responder.pem',
      '-rkey',
      'responder.key',
      '-CA',
      'ca.pem',
      '-reqin',
      'own.req',
      '-respout',
      'own.res',
      '-ndays',
      '3650',
    );
    const parsed = parseOcspResponse(new Uint8Array(execFileSync('cat', [join(folder, 'own.res')])));
    if (parsed.status !== 'successful') throw new Error(parsed.status);
    const verdict = validatePath({
      leaf,
      intermediates: [ca.certificate],
      trustAnchors: [root.certificate],
      time: TEST_TIME,
      policy: PATH_POLICIES.rfc5280,
      purposes: [],
      revocation: {
        // It was produced now, long after the time of all tests.
        policy: { ...REVOCATION_POLICIES.hardFail, scope: 'leaf', clockTolerance: 1e12 },
        crls: [],
        ocspResponses: [parsed],
      },
    });
    expect(verdict).toMatchObject({ ok: false, failures: [{ rule: 'revoked', revocation: { reason: 'superseded' } }] });
  });
});

describe('paths', () => {
  const policies = ['1.2.3.1', '1.2.3.2', '1.2.3.3', OID.anyPolicy];

  function randomSays(random: (below: number) => number, isLeaf: boolean): Extension[] {
    const chosen = policies.filter(() => random(2) === 0);
    const pair = (): string => policies[random(3)] ?? OID.anyPolicy;
    const optional = (odds: number, make: () => Extension): Extension[] => (random(odds) === 0 ? [make()] : []);
    return [
      ...(chosen.length === 0
        ? []
        : [certificatePoliciesExtension({ policies: chosen.map((policy) => ({ policy })), critical: false })]),
      // OpenSSL departs from RFC 5280 where a CA has both mappings and anyPolicy: it lets a mapping of a policy that the CA
      // does not assert stand in for anyPolicy although that is inhibited, and loses nodes of several parents.
      ...(isLeaf || chosen.includes(OID.anyPolicy)
        ? []
        : optional(3, () =>
            policyMappingsExtension({
              mappings: [{ issuerDomainPolicy: pair(), subjectDomainPolicy: pair() }],
              critical: true,
            }),
          )),
      ...(isLeaf
        ? []
        : optional(4, () =>
            policyConstraintsExtension({
              requireExplicitPolicy: random(3),
              inhibitPolicyMapping: random(2) === 0 ? random(3) : undefined,
            }),
          )),
      ...(isLeaf ? [] : optional(4, () => inhibitAnyPolicyExtension(random(3)))),
    ];
  }

  it('with policies are judged as here', { timeout: SLOW_TEST }, () => {
    const random = newRandom(31);
    const outcomes = { ok: 0, refused: 0 };
    for (let i = 0; i < 1000; i++) {
      const intermediates: Certificate[] = [];
      let issuer: TestAuthority = root;
      for (let depth = 1 + random(3); depth > 0; depth--) {
        issuer = newIntermediate(issuer, {
          subject: [{ type: 'CN', value: `CA ${depth}` }],
          extensions: randomSays(random, false),
        });
        intermediates.push(issuer.certificate);
      }
      const leaf = newLeaf(issuer, { extensions: randomSays(random, true) });
      const question: PolicyQuestion = {
        ...ANY_POLICY_QUESTION,
        acceptable: random(2) === 0 ? [OID.anyPolicy] : [policies[random(3)] ?? OID.anyPolicy],
        requireExplicit: random(2) === 0,
        inhibitMapping: random(4) === 0,
        inhibitAnyPolicy: random(4) === 0,
      };
      const verdict = validatePath({
        leaf,
        intermediates,
        trustAnchors: [root.certificate],
        time: TEST_TIME,
        policy: PATH_POLICIES.rfc5280,
        purposes: [],
        policies: question,
      });
      const theirs = succeeds(
        'verify',
        '-attime',
        seconds,
        '-policy_check',
        ...(question.requireExplicit ? ['-explicit_policy'] : []),
        ...(question.inhibitMapping ? ['-inhibit_map'] : []),
        ...(question.inhibitAnyPolicy ? ['-inhibit_any'] : []),
        ...question.acceptable.flatMap((policy) => ['-policy', policy]),
        '-CAfile',
        'root.pem',
        '-untrusted',
        put('chain.pem', intermediates.map(({ der }) => encodePem('CERTIFICATE', der)).join('')),
        put('subject.pem', encodePem('CERTIFICATE', leaf.der)),
      );
      outcomes[verdict.ok ? 'ok' : 'refused']++;
      expect({ i, question, ok: verdict.ok, failures: verdict.ok ? [] : verdict.failures }).toMatchObject({
        ok: theirs,
      });
    }
    expect(Math.min(outcomes.ok, outcomes.refused)).toBeGreaterThan(20);
  });

  it('with name constraints are judged as here', { timeout: SLOW_TEST }, () => {
    const random = newRandom(32);
    const domains = ['example.com', 'a.example.com', 'b.a.example.com', 'example.org', 'xexample.com'];
    const networks = ['192.0.2.0/24', '192.0.2.128/25', '198.51.100.0/24', '2001:db8::/32'];
    const outcomes = { ok: 0, refused: 0 };
    for (let i = 0; i < 1000; i++) {
      const constraints = () =>
        Array.from({ length: random(3) }, () =>
          random(2) === 0
            ? ({ kind: 'dns', value: domains[random(domains.length)] ?? '' } as const)
            : ({ kind: 'ip', value: networks[random(networks.length)] ?? '' } as const),
        );
      const [permitted, excluded] = [constraints(), constraints()];
      const issuer = newIntermediate(root, {
        subject: [{ type: 'CN', value: 'CA 1' }],
        extensions: permitted.length + excluded.length === 0 ? [] : [nameConstraintsExtension({ permitted, excluded })],
      });
      const addresses = ['192.0.2.7', '192.0.2.200', '198.51.100.1', '2001:db8::1', '203.0.113.1'];
      const names = Array.from({ length: 1 + random(2) }, () =>
        random(2) === 0
          ? ({
              kind: 'dns',
              value: `${random(2) === 0 ? 'www.' : ''}${domains[random(domains.length)] ?? ''}`,
            } as const)
          : ({ kind: 'ip', value: addresses[random(addresses.length)] ?? '' } as const),
      );
      const leaf = newLeaf(issuer, { subject: [{ type: 'O', value: 'a' }], names });
      const verdict = validatePath({
        leaf,
        intermediates: [issuer.certificate],
        trustAnchors: [root.certificate],
        time: TEST_TIME,
        policy: PATH_POLICIES.rfc5280,
        purposes: [],
      });
      const theirs = succeeds(
        'verify',
        '-attime',
        seconds,
        '-CAfile',
        'root.pem',
        '-untrusted',
        put('chain.pem', encodePem('CERTIFICATE', issuer.certificate.der)),
        put('subject.pem', encodePem('CERTIFICATE', leaf.der)),
      );
      outcomes[verdict.ok ? 'ok' : 'refused']++;
      expect({ i, permitted, excluded, names, ok: verdict.ok }).toMatchObject({ ok: theirs });
    }
    expect(Math.min(outcomes.ok, outcomes.refused)).toBeGreaterThan(20);
  });

  it('with CRLs are judged as here', { timeout: SLOW_TEST }, () => {
    const random = newRandom(33);
    const outcomes = { ok: 0, refused: 0 };
    const leaf = newLeaf(ca);
    put('subject.pem', encodePem('CERTIFICATE', leaf.der));
    for (let i = 0; i < 400; i++) {
      const lists = [ca, root].map((authority) =>
        newCrl(random(8) === 0 ? newRoot({ subject: [{ type: 'CN', value: 'x' }] }) : authority, {
          issuer: authority.certificate.subject,
          ...(random(8) === 0 ? { thisUpdate: daysOn(-3), nextUpdate: daysOn(-1) } : {}),
          revoked: [...(random(4) === 0 ? [leaf] : []), ...(random(4) === 0 ? [ca.certificate] : [])],
          extensions:
            random(4) === 0
              ? [
                  scopedIssuingDistributionPointExtension({
                    name: undefined,
                    onlyContainsCaCerts: false,
                    onlySomeReasons: undefined,
                    indirectCrl: false,
                    onlyContainsAttributeCerts: false,
                    ...(random(2) === 0
                      ? { onlyContainsUserCerts: false, onlyContainsCaCerts: true }
                      : { onlyContainsUserCerts: true }),
                  }),
                ]
              : [],
        }),
      );
      const given = lists.filter(() => random(10) !== 0);
      const verdict = validatePath({
        leaf,
        intermediates: [ca.certificate],
        trustAnchors: [root.certificate],
        time: TEST_TIME,
        policy: PATH_POLICIES.rfc5280,
        purposes: [],
        revocation: {
          policy: REVOCATION_POLICIES.hardFail,
          crls: given.map(({ der }) => parseCertificateList(der)),
          ocspResponses: [],
        },
      });
      const theirs = succeeds(
        'verify',
        '-attime',
        seconds,
        '-crl_check_all',
        '-extended_crl',
        '-CAfile',
        'root.pem',
        '-untrusted',
        'ca.pem',
        ...(given.length === 0
          ? []
          : ['-CRLfile', put('lists.pem', given.map(({ der }) => encodePem('X509 CRL', der)).join(''))]),
        'subject.pem',
      );
      outcomes[verdict.ok ? 'ok' : 'refused']++;
      expect({
        i,
        ok: verdict.ok,
        failures: verdict.ok ? [] : verdict.failures.map(({ detail }) => detail),
      }).toMatchObject({ ok: theirs });
    }
    expect(Math.min(outcomes.ok, outcomes.refused)).toBeGreaterThan(10);
  });
});
