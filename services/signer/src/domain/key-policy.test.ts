import { describe, expect, test } from 'vitest';
import { ISSUER_NAME } from '../testing/sample-tbs.ts';
import { LEAF_POLICY } from '../testing/test-signer.ts';
import { checkedKeyPolicy, type KeyPolicy } from './key-policy.ts';
import { keyPolicyDocument, parseKeyPolicyDocument } from './key-policy-document.ts';

describe('checkedKeyPolicy', () => {
  test.each<[string, KeyPolicy]>([
    ['policy.issuer_name', { ...LEAF_POLICY, issuerName: new Uint8Array() }],
    ['policy.issuer_name', { ...LEAF_POLICY, issuerName: new Uint8Array([0x30, 0]) }],
    ['policy.issuer_name', { ...LEAF_POLICY, issuerName: new Uint8Array([...ISSUER_NAME, 0]) }],
    ['policy.issuer_name', { ...LEAF_POLICY, issuerName: new Uint8Array(8_193) }],
    ['policy.max_validity', { ...LEAF_POLICY, maxValiditySeconds: 0 }],
    ['policy.max_validity', { ...LEAF_POLICY, maxValiditySeconds: 1.5 }],
    ['policy.max_validity', { ...LEAF_POLICY, maxValiditySeconds: 3_155_760_001 }],
    ['policy.max_path_length', { ...LEAF_POLICY, maxPathLength: -1 }],
    ['policy.max_path_length', { ...LEAF_POLICY, maxPathLength: 256 }],
  ])('names %s as the field at fault', (field, policy) => {
    expect(() => checkedKeyPolicy(policy, 'policy')).toThrow(
      expect.objectContaining({ code: 'invalid-argument', field }),
    );
  });

  test.each(['', 'a b', 'a+b', 'a\nb', 'a\u0000b', 'a\u200bb', '\ud800', 'a'.repeat(256), 'ä'.repeat(128)])(
    'an origin cannot be %j',
    (origin) => {
      expect(() => checkedKeyPolicy({ purpose: 'log-checkpoint', origin }, 'checkpoint_origin')).toThrow(
        expect.objectContaining({ code: 'invalid-argument', field: 'checkpoint_origin' }),
      );
    },
  );

  test('keeps a copy of the name that the caller cannot change', () => {
    const issuerName = ISSUER_NAME.slice();
    const checked = checkedKeyPolicy({ ...LEAF_POLICY, issuerName }, 'policy');
    issuerName.fill(0);
    expect(checked).toMatchObject({ issuerName: ISSUER_NAME });
  });
});

describe('the stored policy', () => {
  test.each<KeyPolicy>([
    LEAF_POLICY,
    { ...LEAF_POLICY, maySignAuthorities: true, maxPathLength: 0 },
    { purpose: 'log-checkpoint', origin: 'example.org/log' },
  ])('comes back as it was: %j', (policy) => {
    const stored: unknown = JSON.parse(JSON.stringify(keyPolicyDocument(policy)));
    expect(parseKeyPolicyDocument(policy.purpose, stored)).toEqual(policy);
  });

  test('has a form that never changes, for keys are bound to it', () => {
    expect(keyPolicyDocument({ ...LEAF_POLICY, issuerName: new Uint8Array([0x30, 0xab]), maxPathLength: 2 })).toEqual({
      issuerName: '30ab',
      maxValiditySeconds: 3600,
      maySignAuthorities: false,
      maxPathLength: 2,
    });
    expect(keyPolicyDocument({ purpose: 'log-checkpoint', origin: 'o' })).toEqual({ checkpointOrigin: 'o' });
  });

  test.each([
    null,
    'text',
    [],
    {},
    { ...keyPolicyDocument(LEAF_POLICY), extra: 1 },
    { ...keyPolicyDocument(LEAF_POLICY), issuerName: 'zz' },
    { ...keyPolicyDocument(LEAF_POLICY), maySignAuthorities: 'yes' },
    { ...keyPolicyDocument(LEAF_POLICY), maxPathLength: null },
    { checkpointOrigin: 'o' },
  ])('is not %j', (document) => {
    expect(parseKeyPolicyDocument('certificate-authority', document)).toBeUndefined();
  });
});
