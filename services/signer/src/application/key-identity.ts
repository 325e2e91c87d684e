import { canonicalJsonBytes } from '@cert-tasks/merkle';
import type { Key } from '../domain/key.ts';
import { keyPolicyDocument } from '../domain/key-policy-document.ts';
import type { KeyIdentity } from './ports/key-backend.ts';

/** What the primary version of a key is bound to (ADR 2): who it is and what it may sign. */
export function keyIdentity(key: Pick<Key, 'id' | 'primaryVersion' | 'algorithm' | 'policy'>): KeyIdentity {
  return {
    keyId: key.id,
    version: key.primaryVersion,
    purpose: key.policy.purpose,
    algorithm: key.algorithm,
    policy: canonicalJsonBytes(keyPolicyDocument(key.policy)),
  };
}
