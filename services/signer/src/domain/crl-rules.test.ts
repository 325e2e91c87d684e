import { buildName } from '@cert-tasks/x509';
import { describe, expect, test } from 'vitest';
import { type SampleCrl, sampleCrl, usage } from '../testing/sample-tbs.ts';
import { LEAF_POLICY } from '../testing/test-signer.ts';
import { checkCrl } from './crl-rules.ts';
import { SignerError } from './errors.ts';
import type { CertificateAuthorityKey } from './key.ts';

const NOW = new Date('2026-05-01T12:00:00Z');

const KEY: CertificateAuthorityKey = {
  id: '00000000-0000-7000-8000-000000000001',
  name: { project: 'acme', key: 'ca' },
  algorithm: 'ec-p256',
  policy: LEAF_POLICY,
  state: 'enabled',
  primaryVersion: 1,
  publicKey: new Uint8Array(),
  createdAt: NOW,
  disabledAt: undefined,
  etag: 'e',
};

function outcome(tbs: Uint8Array): string {
  try {
    checkCrl(tbs, KEY, NOW);
    return 'signed';
  } catch (error) {
    if (error instanceof SignerError) return error.metadata?.['rule'] ?? error.code;
    throw error;
  }
}

describe('checkCrl', () => {
  test.each<[string, Partial<SampleCrl>]>([
    ['signed', {}],
    ['signed', { thisUpdate: -360 }],
    ['update-times', { thisUpdate: -361 }],
    ['signed', { thisUpdate: 60 }],
    ['update-times', { thisUpdate: 61 }],
    ['signed', { life: 367 * 86_400 }],
    ['update-times', { life: 367 * 86_400 + 1 }],
    ['issuer-name', { issuer: buildName([{ type: 'CN', value: 'Another CA' }]).der }],
    ['signature-algorithm', { signatureAlgorithm: 'rsa-sha256' }],
    ['crl-number', { extensions: [usage('cRLSign')] }],
  ])('%s: %j', (expected, changes) => {
    expect(outcome(sampleCrl({ now: NOW, ...changes }))).toBe(expected);
  });

  test('bytes that are no TBSCertList are malformed, a byte too many included', () => {
    const good = sampleCrl({ now: NOW });
    expect(outcome(new Uint8Array())).toBe('tbs-malformed');
    expect(outcome(good.subarray(0, -1))).toBe('tbs-malformed');
    expect(outcome(new Uint8Array([...good, 0]))).toBe('tbs-malformed');
    expect(outcome(new Uint8Array(16_777_217))).toBe('tbs-malformed');
  });

  test('a changed byte never brings anything but a typed refusal or a CRL of the same issuer', () => {
    const good = sampleCrl({ now: NOW });
    for (let i = 0; i < good.length; i++) {
      const changed = good.slice();
      changed[i] = (changed[i] ?? 0) ^ 0xff;
      expect(() => outcome(changed)).not.toThrow();
    }
  });
});
