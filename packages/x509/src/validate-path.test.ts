import { describe, expect, it } from 'vitest';
import { readFixture } from '../test/fixture.ts';
import { below, intermediate, leaf, ordinary, root, rulesOf } from '../test/path-question.ts';
import {
  newIntermediate,
  newLeaf,
  newRoot,
  newTestKey,
  TEST_NOT_AFTER,
  TEST_NOT_BEFORE,
  TEST_TIME,
  type TestAuthority,
  type TestCertificateInput,
} from '../test/test-authority.ts';
import { codeOf } from '../test/x509-failure.ts';
import { basicConstraintsExtension } from './basic-constraints.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { extendedKeyUsageExtension } from './extended-key-usage.ts';
import type { Extension } from './extension.ts';
import type { GeneralName } from './general-name.ts';
import { keyUsageExtension } from './key-usage.ts';
import { buildName } from './name.ts';
import { type NameConstraint, nameConstraintsExtension } from './name-constraints.ts';
import { fromHex } from './octets.ts';
import { OID } from './oid.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { SignatureMemo } from './signature-memo.ts';
import { PATH_LIMITS, type PathInput, validatePath } from './validate-path.ts';

describe('validatePath', () => {
  it('finds the path, whatever the order and whatever else is given', () => {
    const verdict = validatePath({
      ...ordinary,
      intermediates: [
        newRoot().certificate,
        leaf,
        newIntermediate(newRoot()).certificate,
        intermediate.certificate,
        root.certificate,
      ],
    });
    expect(verdict).toMatchObject({ ok: true, path: [leaf, intermediate.certificate, root.certificate] });
  });

  it('accepts the chain of openssl', () => {
    const [chainLeaf, chainIntermediate, chainRoot] = ['leaf', 'intermediate', 'root'].map((name) =>
      parseCertificate(readFixture(name)),
    );
    if (chainLeaf === undefined || chainIntermediate === undefined || chainRoot === undefined)
      throw new Error('fixtures are missing');
    const input: PathInput = {
      leaf: chainLeaf,
      intermediates: [chainIntermediate],
      trustAnchors: [chainRoot],
      time: TEST_TIME,
      policy: PATH_POLICIES.rfc5280,
      purposes: [OID.serverAuth, OID.clientAuth],
    };
    for (const peerName of [
      { kind: 'dns', value: 'API.example.com' },
      { kind: 'dns', value: 'x.apps.example.com' },
      { kind: 'ip', value: '2001:DB8:0::7' },
      { kind: 'email', value: 'ops@EXAMPLE.com' },
    ] as const) {
      expect(validatePath({ ...input, peerName }).ok).toBe(true);
    }
    for (const peerName of [
      { kind: 'dns', value: 'apps.example.com' },
      { kind: 'dns', value: 'a.b.apps.example.com' },
      { kind: 'dns', value: '192.0.2.7' },
      { kind: 'ip', value: '192.0.2.8' },
      { kind: 'email', value: 'OPS@example.com' },
    ] as const) {
      expect(validatePath({ ...input, peerName })).toMatchObject({
        ok: false,
        failures: [{ rule: 'peer-name', certificateIndex: 0 }],
      });
    }
  });

  it('explains a refusal', () => {
    const other = newIntermediate(newRoot(), { subject: [{ type: 'CN', value: 'intermediate' }] });
    const verdict = validatePath({ ...ordinary, intermediates: [other.certificate] });
    expect(verdict).toEqual({
      ok: false,
      failures: [
        {
          rule: 'signature',
          detail: 'it did not sign the certificate below',
          certificateIndex: 1,
          subject: 'CN=intermediate',
          path: ['CN=leaf.example.com', 'CN=intermediate'],
        },
      ],
    });
  });

  it('tells a wrong name from a wrong path', () => {
    expect(rulesOf({ peerName: { kind: 'dns', value: 'other.example.com' } })).toBe('peer-name');
    expect(rulesOf({ peerName: { kind: 'dns', value: 'other.example.com' }, intermediates: [] })).toBe(
      'peer-name no-issuer',
    );
    expect(rulesOf({ peerName: { kind: 'dns', value: 'not_a_name' } })).toBe('peer-name');
  });

  it('never looks at the common name', () => {
    expect(below({}, { names: [] }, { peerName: { kind: 'dns', value: 'leaf.example.com' } })).toBe('peer-name');
    expect(
      below(
        {},
        { names: [{ kind: 'ip', value: '192.0.2.1' }] },
        { peerName: { kind: 'dns', value: 'leaf.example.com' } },
      ),
    ).toBe('peer-name');
  });

  it('needs an anchor', () => {
    expect(rulesOf({ trustAnchors: [] })).toBe('no-issuer');
    expect(rulesOf({ trustAnchors: [], intermediates: [intermediate.certificate, root.certificate] })).toBe(
      'no-issuer',
    );
    expect(rulesOf({ trustAnchors: [leaf] })).toBe('no-issuer');
    expect(rulesOf({ trustAnchors: [newRoot().certificate] })).toBe('signature');
    expect(rulesOf({ leaf: root.certificate, peerName: { kind: 'dns', value: 'a.b' } })).toBe('peer-name no-issuer');
    // An anchor may be an intermediate certificate.
    expect(rulesOf({ trustAnchors: [intermediate.certificate], intermediates: [] })).toBe('ok');
  });

  it.each([
    [TEST_NOT_BEFORE.getTime() - 1, 'validity'],
    [TEST_NOT_BEFORE.getTime(), 'ok'],
    [TEST_NOT_AFTER.getTime() + 999, 'ok'],
    [TEST_NOT_AFTER.getTime() + 1000, 'validity'],
  ])('judges the time %d as %s', (time, expected) => {
    expect(rulesOf({ time: new Date(time) })).toBe(expected);
  });

  it('judges the time of every certificate', () => {
    const short = { overrides: { notAfter: new Date('2026-02-01T00:00:00Z') } };
    expect(below(short)).toBe('validity');
    const oldRoot = newRoot(short);
    expect(rulesOf({ leaf: newLeaf(oldRoot), trustAnchors: [oldRoot.certificate] })).toBe('validity');
  });

  it('finds the good path among bad ones', () => {
    const key = newTestKey();
    const expired = newIntermediate(root, { key, overrides: { notAfter: new Date('2026-02-01T00:00:00Z') } });
    const foreign = newIntermediate(newRoot(), { key });
    const good = newIntermediate(root, { key });
    const verdict = validatePath({
      ...ordinary,
      leaf: newLeaf(good),
      intermediates: [expired.certificate, foreign.certificate, good.certificate],
    });
    expect(verdict).toMatchObject({ ok: true, path: { 1: good.certificate } });
  });

  it('finds a way over a cross-signed root', () => {
    const [oldRoot, newRootKey] = [newRoot({ subject: [{ type: 'CN', value: 'old' }] }), newTestKey()];
    const subject = [{ type: 'CN', value: 'new' }];
    const crossSigned = newIntermediate(oldRoot, { subject, key: newRootKey });
    const selfSigned = newRoot({ subject, key: newRootKey });
    const end = newLeaf(selfSigned);
    expect(
      rulesOf({
        leaf: end,
        intermediates: [crossSigned.certificate, selfSigned.certificate],
        trustAnchors: [oldRoot.certificate],
      }),
    ).toBe('ok');
    expect(
      rulesOf({ leaf: end, intermediates: [crossSigned.certificate], trustAnchors: [selfSigned.certificate] }),
    ).toBe('ok');
  });

  it('throws for a malformed question only', () => {
    expect(codeOf(() => validatePath({ ...ordinary, time: new Date(Number.NaN) }))).toBe('invalid-argument');
    expect(codeOf(() => validatePath({ ...ordinary, intermediates: Array.from({ length: 1001 }, () => leaf) }))).toBe(
      'invalid-argument',
    );
  });
});

describe('rights of issuers', () => {
  it.each<[string, TestCertificateInput & { pathLength?: number }, string]>([
    ['no basicConstraints', { without: [OID.basicConstraints] }, 'basic-constraints'],
    [
      'basicConstraints of no CA',
      { extensions: [basicConstraintsExtension({ ca: false, pathLength: undefined, critical: true })] },
      'basic-constraints',
    ],
    ['no keyCertSign', { extensions: [keyUsageExtension({ usages: ['cRLSign'], critical: true })] }, 'key-usage'],
    ['keyUsage left out', { without: [OID.keyUsage] }, 'ok'],
  ])('with %s', (_name, input, expected) => {
    // Section 6 alone, so that no profile rule is in the way.
    const policy = { name: 'section 6', profileRules: new Set<never>(), anyPurposeSuffices: true };
    expect(below(input, {}, { policy })).toBe(expected);
  });

  it('are limited by the path length of every CA above', () => {
    const chain = (...pathLengths: (number | undefined)[]): string => {
      const authorities: TestAuthority[] = [];
      let parent = newRoot(pathLengths[0] === undefined ? {} : { pathLength: pathLengths[0] });
      const trustAnchors = [parent.certificate];
      for (const [index, pathLength] of pathLengths.slice(1).entries()) {
        parent = newIntermediate(parent, {
          subject: [{ type: 'CN', value: `ca ${index}` }],
          ...(pathLength === undefined ? {} : { pathLength }),
        });
        authorities.push(parent);
      }
      return rulesOf({
        leaf: newLeaf(parent),
        trustAnchors,
        intermediates: authorities.map(({ certificate }) => certificate),
      });
    };
    expect(chain(0)).toBe('ok');
    expect(chain(0, undefined)).toBe('path-length');
    expect(chain(1, undefined)).toBe('ok');
    expect(chain(1, 1, 0)).toBe('path-length');
    expect(chain(2, 1, 0)).toBe('ok');
    expect(chain(undefined, 0, undefined)).toBe('path-length');
  });

  it('do not count self-issued certificates in the path length', () => {
    const limited = newRoot({ pathLength: 1 });
    const first = newIntermediate(limited, { pathLength: 0 });
    const rolled = newIntermediate(first, { pathLength: 0 });
    expect(
      rulesOf({
        leaf: newLeaf(rolled),
        trustAnchors: [limited.certificate],
        intermediates: [first.certificate, rolled.certificate],
      }),
    ).toBe('ok');
  });
});

describe('extensions in a path', () => {
  const unknown: Extension = { oid: '1.3.6.1.4.1.55738.1', critical: true, value: fromHex('0500') };
  it('are refused where critical and unknown, at every place', () => {
    expect(below({}, { extensions: [unknown] })).toBe('unknown-critical-extension');
    expect(below({ extensions: [unknown] })).toBe('unknown-critical-extension');
    const strange = newRoot({ extensions: [unknown] });
    expect(rulesOf({ leaf: newLeaf(strange), trustAnchors: [strange.certificate] })).toBe('unknown-critical-extension');
    expect(below({}, { extensions: [{ ...unknown, critical: false }] })).toBe('ok');
  });

  it.each([
    [
      'policyConstraints',
      { oid: OID.policyConstraints, critical: false, value: fromHex('3003800100') },
      'extension-critical',
    ],
    [
      'critical policyConstraints',
      { oid: OID.policyConstraints, critical: true, value: fromHex('3003800100') },
      'certificate-policies',
    ],
    [
      'malformed inhibitAnyPolicy',
      { oid: OID.inhibitAnyPolicy, critical: true, value: fromHex('0201ff') },
      'malformed-extension',
    ],
    [
      'malformed subjectAltName',
      { oid: OID.subjectAltName, critical: false, value: fromHex('3000') },
      'malformed-extension',
    ],
    [
      'malformed policies',
      { oid: OID.certificatePolicies, critical: false, value: fromHex('3000') },
      'malformed-extension',
    ],
    [
      'malformed distribution points',
      { oid: OID.cRLDistributionPoints, critical: false, value: fromHex('04') },
      'malformed-extension',
    ],
  ])('are refused: %s', (_name, extension, expected) => {
    expect(below({ extensions: [extension] })).toBe(expected);
  });
});

describe('key purposes', () => {
  const purposes = (...list: string[]): Extension[] => [extendedKeyUsageExtension({ purposes: list, critical: false })];
  const ask = { purposes: [OID.serverAuth] };
  it.each<[string, Extension[], Extension[], string]>([
    ['absent everywhere', [], [], 'ok'],
    ['in the leaf', [], purposes(OID.serverAuth), 'ok'],
    ['in both', purposes(OID.serverAuth, OID.clientAuth), purposes(OID.serverAuth), 'ok'],
    ['another one in the leaf', [], purposes(OID.clientAuth), 'extended-key-usage'],
    ['another one in the CA', purposes(OID.clientAuth), purposes(OID.serverAuth), 'extended-key-usage'],
    ['any in the CA', purposes(OID.anyExtendedKeyUsage), purposes(OID.serverAuth), 'ok'],
    ['any in the leaf', [], purposes(OID.anyExtendedKeyUsage), 'ok'],
  ])('are chained: %s', (_name, inCa, inLeaf, expected) => {
    expect(below({ extensions: inCa }, { extensions: inLeaf }, ask)).toBe(expected);
  });

  it('are not given by any where the policy says so', () => {
    expect(
      below({}, { extensions: purposes(OID.anyExtendedKeyUsage) }, { ...ask, policy: PATH_POLICIES.privateMutualTls }),
    ).toBe('extended-key-usage');
  });

  it('must all be there', () => {
    expect(below({}, { extensions: purposes(OID.serverAuth) }, { purposes: [OID.serverAuth, OID.clientAuth] })).toBe(
      'extended-key-usage',
    );
  });

  it('of TLS need a key usage of TLS', () => {
    const noTls = keyUsageExtension({ usages: ['contentCommitment'], critical: true });
    expect(below({}, { extensions: [noTls] }, ask)).toBe('key-usage');
    expect(below({}, { extensions: [noTls] })).toBe('ok');
  });
});

describe('limits', () => {
  const sectionSix = { name: 'section 6', profileRules: new Set<never>(), anyPurposeSuffices: true };

  it('stop deep paths', () => {
    const authorities: Certificate[] = [];
    let parent = root;
    for (let depth = 0; depth < 9; depth++) {
      parent = newIntermediate(parent, { subject: [{ type: 'CN', value: `ca ${depth}` }] });
      authorities.push(parent.certificate);
    }
    expect(rulesOf({ leaf: newLeaf(parent), intermediates: authorities })).toBe('depth-limit');
    expect(
      rulesOf({ leaf: newLeaf(parent), intermediates: authorities, limits: { ...PATH_LIMITS, maxIntermediates: 9 } }),
    ).toBe('ok');
  });

  it('stop a flood of candidates of one name', () => {
    const flood = Array.from({ length: 100 }, () => newIntermediate(newRoot(), {}).certificate);
    const victim = newLeaf(newIntermediate(newRoot(), {}), { without: [OID.authorityKeyIdentifier] });
    const verdict = validatePath({ ...ordinary, leaf: victim, intermediates: flood, policy: sectionSix });
    // Once out of work, the search ends and says so once.
    expect(verdict.ok ? [] : verdict.failures.slice(PATH_LIMITS.maxSignatureChecks).map(({ rule }) => rule)).toEqual([
      'work-limit',
    ]);
    expect(verdict.ok ? 0 : verdict.failures.filter(({ rule }) => rule === 'signature').length).toBe(
      PATH_LIMITS.maxSignatureChecks,
    );
  });

  it('stop a web of CAs that all certify each other', () => {
    const keys = Array.from({ length: 7 }, newTestKey);
    const web = keys.flatMap((key, i) =>
      keys.flatMap((issuerKey, j) => {
        if (i === j) return [];
        const issuer = { certificate: root.certificate, key: issuerKey };
        return [
          newIntermediate(issuer, {
            subject: [{ type: 'CN', value: `ca ${i}` }],
            key,
            issuer: buildName([{ type: 'CN', value: `ca ${j}` }]),
          }).certificate,
        ];
      }),
    );
    const [key] = keys;
    const [first] = web;
    if (key === undefined || first === undefined) throw new Error('the web is empty');
    const victim = newLeaf({ certificate: first, key });
    const start = performance.now();
    const verdict = validatePath({ ...ordinary, leaf: victim, intermediates: web });
    expect(verdict.ok ? [] : verdict.failures.slice(-1).map(({ rule }) => rule)).toEqual(['work-limit']);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('stop a flood of names and constraints', () => {
    const list = <T>(make: (i: number) => T): T[] => Array.from({ length: 700 }, (_, i) => make(i));
    const names = list((i): GeneralName => ({ kind: 'dns', value: `a${i}.example.com` }));
    const permitted = list((i): NameConstraint => ({ kind: 'dns', value: `b${i}.example.com` })).concat([
      { kind: 'dns', value: 'example.com' },
    ]);
    expect(below({ extensions: [nameConstraintsExtension({ permitted, excluded: [] })] }, { names })).toBe(
      'work-limit',
    );
  });

  it('bound the report', () => {
    const limits = { ...PATH_LIMITS, maxFailures: 3 };
    const flood = Array.from({ length: 10 }, () => newIntermediate(newRoot(), {}).certificate);
    const verdict = validatePath({ ...ordinary, intermediates: flood, limits });
    expect(verdict.ok ? [] : verdict.failures).toHaveLength(3);
  });
});

describe('policies', () => {
  it('differ on what a leaf may be', () => {
    const { peerName: _ignored, ...nameless } = ordinary;
    const asLeaf = { ...nameless, leaf: intermediate.certificate, intermediates: [] };
    expect(validatePath(asLeaf).ok).toBe(true);
    for (const policy of [PATH_POLICIES.webpki, PATH_POLICIES.privateMutualTls]) {
      expect(validatePath({ ...asLeaf, policy })).toMatchObject({ ok: false, failures: [{ rule: 'leaf-not-ca' }] });
    }
  });

  it('differ on certificates that break the profile', () => {
    const noKeyId = { without: [OID.authorityKeyIdentifier] };
    expect(below({}, noKeyId)).toBe('authority-key-identifier');
    expect(below({}, noKeyId, { policy: PATH_POLICIES.privateMutualTls })).toBe('ok');
    expect(below({ without: [OID.subjectKeyIdentifier] })).toBe('subject-key-identifier');
    expect(
      below({ extensions: [basicConstraintsExtension({ ca: true, pathLength: undefined, critical: false })] }),
    ).toBe('extension-critical');
  });
});

describe('the memo of signatures', () => {
  it('spares checks of links that held, and only of those', () => {
    const memo = new SignatureMemo();
    const spent = { ...PATH_LIMITS, maxSignatureChecks: 0 };
    expect(rulesOf({ limits: spent })).toBe('work-limit');
    expect(rulesOf({ signatureMemo: memo })).toBe('ok');
    expect(rulesOf({ signatureMemo: memo, limits: spent })).toBe('ok');
    // Another certificate of the same key, and one that was not signed by it, are not remembered.
    const other = newLeaf(intermediate);
    const forged = newLeaf({ certificate: intermediate.certificate, key: newTestKey() }, {});
    expect(rulesOf({ signatureMemo: memo, limits: spent, leaf: other })).toBe('work-limit');
    expect(rulesOf({ signatureMemo: memo, leaf: forged })).toBe('signature');
    expect(rulesOf({ signatureMemo: memo, leaf: forged })).toBe('signature');
    // It says nothing of anything else.
    expect(rulesOf({ signatureMemo: memo, time: new Date('2020-01-01T00:00:00Z') })).toContain('validity');
  });

  it('forgets the oldest', () => {
    const memo = new SignatureMemo(2);
    const [a, b, c] = [1, 2, 3].map((octet) => Uint8Array.of(octet)) as [Uint8Array, Uint8Array, Uint8Array];
    for (const octets of [a, b, c]) memo.add(octets, a);
    expect([a, b, c].map((octets) => memo.has(octets, a))).toEqual([false, true, true]);
    expect(memo.has(b, c)).toBe(false);
  });
});
