import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { describeKeyBackend } from '../../../test/key-backend.contract.ts';
import { softwareBackend } from '../../testing/test-signer.ts';
import { LocalKeyWrapper } from './local-key-wrapper.ts';
import { SecretBytes } from './secret-bytes.ts';

const KEK = new Uint8Array(32).fill(1);

describeKeyBackend({
  name: 'software',
  create: () => softwareBackend(KEK),
  createOther: () => softwareBackend(new Uint8Array(32).fill(2)),
});

test('the id of a key-encryption key is the one of ADR 2', () => {
  const wrapper = new LocalKeyWrapper(new SecretBytes(KEK.slice()), (length) => new Uint8Array(length));
  const digest = createHash('sha256').update('cert-tasks/kek-id/v1').update(KEK).digest('hex');
  expect(wrapper.kekId).toBe(digest.slice(0, 16));
});

test('a key-encryption key of another length is refused', () => {
  expect(() => new LocalKeyWrapper(new SecretBytes(new Uint8Array(16)), () => new Uint8Array())).toThrow(
    expect.objectContaining({ code: 'key-encryption-key-invalid' }),
  );
});
