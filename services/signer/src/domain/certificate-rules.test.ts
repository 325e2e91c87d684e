import { type createPublicKey, generateKeyPairSync } from 'node:crypto';
import { basicConstraintsExtension, buildName, DerWriter, encodeDer, TAG } from '@cert-tasks/x509';
import { describe, expect, test } from 'vitest';
import {
  authorityExtensions,
  ISSUER_NAME,
  type SampleCertificate,
  sampleCertificate,
  usage,
} from '../testing/sample-tbs.ts';
import { LEAF_POLICY } from '../testing/test-signer.ts';
import { checkCertificate } from './certificate-rules.ts';
import { SignerError } from './errors.ts';
import type { CertificateAuthorityKey } from './key.ts';
import type { CertificateAuthorityPolicy } from './key-policy.ts';

const NOW = new Date('2026-05-01T12:00:00Z');

function spkiOf(publicKey: ReturnType<typeof createPublicKey>): Uint8Array {
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
}

const OWN = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const OTHER = spkiOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);

function key(policy: Partial<CertificateAuthorityPolicy> = {}): CertificateAuthorityKey {
  return {
    id: '00000000-0000-7000-8000-000000000001',
    name: { project: 'acme', key: 'ca' },
    algorithm: 'ec-p256',
    policy: { ...LEAF_POLICY, ...policy },
    state: 'enabled',
    primaryVersion: 1,
    publicKey: OWN,
    createdAt: NOW,
    disabledAt: undefined,
    etag: 'e',
  };
}

function check(changes: Partial<SampleCertificate>, policy: Partial<CertificateAuthorityPolicy> = {}) {
  return checkCertificate(sampleCertificate({ now: NOW, spki: OTHER, ...changes }), key(policy), NOW);
}

function refusal(run: () => unknown): { code: string; rule: string | undefined } {
  try {
    run();
  } catch (error) {
    if (error instanceof SignerError) return { code: error.code, rule: error.metadata?.['rule'] };
    throw error;
  }
  throw new Error('Nothing was refused.');
}

describe('what a leaf key signs', () => {
  test('a certificate within its policy, whose serial comes back without a sign octet', () => {
    expect(check({ serial: 0x80n }).serial).toEqual(new Uint8Array([0x80]));
    expect(check({ serial: (1n << 159n) - 1n }).serial).toHaveLength(20);
  });

  test('up to its longest validity to the second', () => {
    expect(() => check({ validity: 3_600 })).not.toThrow();
    expect(refusal(() => check({ validity: 3_601 })).rule).toBe('validity');
  });

  test.each([
    [-360, undefined],
    [-361, 'not-before'],
    [60, undefined],
    [61, 'not-before'],
  ])('notBefore %i s from now: %s', (notBefore, rule) => {
    if (rule === undefined) expect(() => check({ notBefore })).not.toThrow();
    else expect(refusal(() => check({ notBefore })).rule).toBe(rule);
  });

  test.each<[string, Partial<SampleCertificate>]>([
    ['issuer-name', { issuer: buildName([{ type: 'CN', value: 'Signer Test CA ' }]).der }],
    ['signature-algorithm', { signatureAlgorithm: 'ecdsa-sha384' }],
    ['signature-algorithm', { signatureAlgorithm: 'ed25519' }],
    ['key-usage', { extensions: [usage('keyCertSign')] }],
    ['key-usage', { extensions: [usage('cRLSign')] }],
    ['authority', { extensions: authorityExtensions({ pathLength: 0 }) }],
    ['subject-key', { spki: spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey) }],
    ['subject-key', { spki: spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey) }],
  ])('not one that breaks the rule %s', (rule, changes) => {
    expect(refusal(() => check(changes))).toEqual({ code: 'outside-key-policy', rule });
  });

  test('an issuer that reads the same but is encoded in another way is another issuer', () => {
    const printable = encodeDer((writer) => {
      const end = writer.mark();
      const set = writer.mark();
      const attribute = writer.mark();
      writer.utf8('Signer Test CA', TAG.PRINTABLE_STRING);
      writer.oid('2.5.4.3');
      writer.close(TAG.SEQUENCE, attribute);
      writer.close(TAG.SET, set);
      writer.close(TAG.SEQUENCE, end);
    });
    expect(printable).not.toEqual(ISSUER_NAME);
    expect(refusal(() => check({ issuer: printable })).rule).toBe('issuer-name');
  });
});

describe('authorities', () => {
  const self = { spki: OWN, subject: ISSUER_NAME };

  test("a root's own certificate needs no right to sign authorities, but a path length", () => {
    expect(() => check({ ...self, extensions: authorityExtensions({ pathLength: 3 }) })).not.toThrow();
    expect(refusal(() => check({ ...self, extensions: authorityExtensions({ pathLength: undefined }) })).rule).toBe(
      'path-length',
    );
  });

  test('the own key under another name, and another key under the own name, are other authorities', () => {
    const extensions = authorityExtensions({ pathLength: 0 });
    expect(refusal(() => check({ spki: OWN, extensions })).rule).toBe('authority');
    expect(refusal(() => check({ subject: ISSUER_NAME, extensions })).rule).toBe('authority');
  });

  test('others only where the policy says so, within its path length', () => {
    const policy = { maySignAuthorities: true, maxPathLength: 1 };
    expect(() => check({ extensions: authorityExtensions({ pathLength: 1 }) }, policy)).not.toThrow();
    expect(refusal(() => check({ extensions: authorityExtensions({ pathLength: 2 }) }, policy)).rule).toBe(
      'path-length',
    );
    expect(refusal(() => check({ extensions: authorityExtensions({ pathLength: undefined }) }, policy)).rule).toBe(
      'path-length',
    );
    expect(refusal(() => check({ ...self, extensions: authorityExtensions({ pathLength: 2 }) }, policy)).rule).toBe(
      'path-length',
    );
  });

  test('without any path length only where the policy has none and may sign authorities', () => {
    const extensions = authorityExtensions({ pathLength: undefined });
    expect(() => check({ extensions }, { maySignAuthorities: true })).not.toThrow();
    expect(refusal(() => check({ extensions })).rule).toBe('authority');
  });

  test('only with critical basic constraints', () => {
    const extensions = authorityExtensions({ pathLength: 0, critical: false });
    expect(refusal(() => check({ extensions }, { maySignAuthorities: true })).rule).toBe('authority');
  });
});

describe('hostile bytes', () => {
  const good = sampleCertificate({ now: NOW, spki: OTHER });
  const refuse = (tbs: Uint8Array) => refusal(() => checkCertificate(tbs, key(), NOW));

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['a trailing byte', new Uint8Array([...good, 0])],
    ['a cut', good.subarray(0, -1)],
    ['more than 64 KiB', new Uint8Array(65_537)],
    ['a whole certificate', encodeDer((writer) => writer.raw(new Uint8Array([0x30, 0x82, 0xff, 0xff, ...good])))],
  ])('%s is malformed', (_what, tbs) => {
    expect(refuse(tbs).code).toBe('tbs-malformed');
  });

  test('malformed basic constraints are not taken for none', () => {
    const honest = basicConstraintsExtension({ ca: true, pathLength: 0, critical: true });
    const extensions = [{ ...honest, value: new Uint8Array([...honest.value, 0]) }];
    expect(refusal(() => check({ extensions })).code).toBe('tbs-malformed');
  });

  test('serial numbers that are zero, negative or too long are refused', () => {
    for (const octets of [[0], [0x80], [0, ...new Array(20).fill(0xff)]]) {
      const result = refuse(withSerial(good, octets));
      expect(result).toEqual({ code: 'outside-key-policy', rule: 'serial-number' });
    }
  });

  test('a version 1 certificate is refused', () => {
    expect(refuse(versionOne(good)).rule).toBe('version');
  });

  test('no change of one byte brings anything else than a typed refusal or a certificate of the same issuer', () => {
    for (let i = 0; i < good.length; i++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = good.slice();
        changed[i] = (changed[i] ?? 0) ^ flip;
        try {
          checkCertificate(changed, key(), NOW);
        } catch (error) {
          expect(error).toBeInstanceOf(SignerError);
        }
      }
    }
  });
});

/** The same TBS with other content octets of its serial number, 0x1234 as the sample has it. */
function withSerial(tbs: Uint8Array, octets: readonly number[]): Uint8Array {
  const at = Buffer.from(tbs).indexOf(Buffer.from([0x02, 0x02, 0x12, 0x34]));
  const body = Buffer.concat([
    tbs.subarray(contentStart(tbs), at),
    Buffer.from([0x02, octets.length, ...octets]),
    tbs.subarray(at + 4),
  ]);
  return resequenced(body);
}

/** The same fields without version and extensions. */
function versionOne(tbs: Uint8Array): Uint8Array {
  const extensionsAt = Buffer.from(tbs).lastIndexOf(Buffer.from([0xa3]));
  return resequenced(tbs.subarray(contentStart(tbs) + 5, extensionsAt));
}

/** Past the identifier and a length of one octet or of 0x80 and more. */
function contentStart(der: Uint8Array): number {
  const length = der[1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function resequenced(body: Uint8Array): Uint8Array {
  const writer = new DerWriter(body.length + 8);
  const end = writer.mark();
  writer.raw(body);
  writer.close(TAG.SEQUENCE, end);
  return writer.finish();
}
