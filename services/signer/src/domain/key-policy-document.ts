import { bytesToHex, hexToBytes } from '@cert-tasks/kernel';
import type { KeyPolicy, KeyPurpose } from './key-policy.ts';

/** A policy as it is stored and as its digest is taken: plain JSON. */
export type KeyPolicyDocument = Readonly<Record<string, string | number | boolean>>;

/**
 * The policy as JSON. Its RFC 8785 form is what a sealed key is bound to (ADR 2): for one policy it never changes. What
 * is absent is left out.
 */
export function keyPolicyDocument(policy: KeyPolicy): KeyPolicyDocument {
  if (policy.purpose === 'log-checkpoint') return { checkpointOrigin: policy.origin };
  return {
    issuerName: bytesToHex(policy.issuerName),
    maxValiditySeconds: policy.maxValiditySeconds,
    maySignAuthorities: policy.maySignAuthorities,
    ...(policy.maxPathLength !== undefined && { maxPathLength: policy.maxPathLength }),
  };
}

/**
 * The policy of a stored document, or undefined where it is not one: someone changed it. Strict, so that nothing which
 * the digest covers is passed over.
 */
export function parseKeyPolicyDocument(purpose: KeyPurpose, document: unknown): KeyPolicy | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(document));
  const policy = purpose === 'log-checkpoint' ? readLogCheckpoint(fields) : readCertificateAuthority(fields);
  return policy !== undefined && Object.keys(keyPolicyDocument(policy)).length === fields.size ? policy : undefined;
}

function readLogCheckpoint(fields: ReadonlyMap<string, unknown>): KeyPolicy | undefined {
  const origin = fields.get('checkpointOrigin');
  return typeof origin === 'string' ? { purpose: 'log-checkpoint', origin } : undefined;
}

function readCertificateAuthority(fields: ReadonlyMap<string, unknown>): KeyPolicy | undefined {
  const issuerName = fields.get('issuerName');
  const maxValiditySeconds = fields.get('maxValiditySeconds');
  const maySignAuthorities = fields.get('maySignAuthorities');
  const maxPathLength = fields.get('maxPathLength');
  if (typeof issuerName !== 'string' || !/^([0-9a-f]{2})+$/.test(issuerName)) return undefined;
  if (typeof maxValiditySeconds !== 'number' || typeof maySignAuthorities !== 'boolean') return undefined;
  if (maxPathLength !== undefined && typeof maxPathLength !== 'number') return undefined;
  return {
    purpose: 'certificate-authority',
    issuerName: hexToBytes(issuerName),
    maxValiditySeconds,
    maySignAuthorities,
    maxPathLength,
  };
}
