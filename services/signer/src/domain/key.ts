import type { KeyAlgorithm } from './key-algorithm.ts';
import type { CertificateAuthorityPolicy, KeyPolicy } from './key-policy.ts';

/** Whether a key may be used. `disabled` is for good in the ledger's eyes: rows are inserted for enabled keys only. */
export type KeyState = 'enabled' | 'disabled';

/** A key's name within the platform: `projects/{project}/keys/{key}`. */
export interface KeyName {
  readonly project: string;
  readonly key: string;
}

/** A key as it is described; its private part is elsewhere and never in here. */
export interface Key {
  /** UUID that never changes and is never used again. */
  readonly id: string;
  readonly name: KeyName;
  readonly algorithm: KeyAlgorithm;
  /** What it is for and what it may sign, fixed at creation. */
  readonly policy: KeyPolicy;
  readonly state: KeyState;
  /** The version that signs, from 1. */
  readonly primaryVersion: number;
  /** DER SubjectPublicKeyInfo of the primary version. */
  readonly publicKey: Uint8Array;
  readonly createdAt: Date;
  readonly disabledAt: Date | undefined;
  /** Changes whenever the key does. */
  readonly etag: string;
}

/** A key whose policy is that of a certificate authority. */
export type CertificateAuthorityKey = Key & { readonly policy: CertificateAuthorityPolicy };

/** Narrows a key to one that may sign certificates and CRLs. */
export function isCertificateAuthorityKey(key: Key): key is CertificateAuthorityKey {
  return key.policy.purpose === 'certificate-authority';
}
