import { type PublicKeyInfo, parsePublicKey } from '@cert-tasks/x509';
import type { DistinguishedName } from './distinguished-name.ts';

/** The key algorithms of authorities, by signer's names. */
export type KeyAlgorithm = 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519';

/** An authority: a name and a key. */
export interface Authority {
  readonly uid: string;
  readonly project: string;
  readonly id: string;
  readonly type: 'root' | 'subordinate';
  readonly state: 'creating' | 'active';
  readonly subject: DistinguishedName;
  /** The DER Name of `subject`, byte for byte as in every certificate that it issues. */
  readonly subjectDer: Uint8Array;
  /** The uid of the authority that certified it; its own for a root. */
  readonly issuerUid: string;
  /** The issuer's resource id, in the same project. Empty for a root. */
  readonly issuerId: string;
  /** "projects/{project}/keys/{key}" in signer. */
  readonly keyName: string;
  readonly keyAlgorithm: KeyAlgorithm;
  /** Its public key as DER SubjectPublicKeyInfo, once signer has made it. */
  readonly spki: Uint8Array | undefined;
  /** The certificate row that holds its certificate; its id is the intent's. */
  readonly certificateId: string | undefined;
  /** DER, once it is active. */
  readonly certificate: Uint8Array | undefined;
  /** Its own certificate first, the root's last, each DER; empty until it is active. */
  readonly chain: readonly Uint8Array[];
  /** How long its certificate is asked to be valid, in ms. */
  readonly lifetimeMs: number;
  readonly notBefore: Date | undefined;
  readonly notAfter: Date | undefined;
  readonly crlShardCount: number;
  /** The base of the URLs in what it issues, copied at creation. */
  readonly pkiBaseUrl: string;
  readonly createdAt: Date;
  readonly version: bigint;
}

/** "projects/{project}/authorities/{id}". */
export function authorityName({ project, id }: Pick<Authority, 'project' | 'id'>): string {
  return `projects/${project}/authorities/${id}`;
}

/** An authority whose key exists. */
export interface KeyedAuthority extends Authority {
  readonly spki: Uint8Array;
}

/** Narrows to an authority whose key exists. */
export function isKeyed(authority: Authority): authority is KeyedAuthority {
  return authority.spki !== undefined;
}

/** Parsed keys by their bytes: importing one costs as much as checking a signature with it. */
const parsedKeys = new WeakMap<Uint8Array, PublicKeyInfo>();

/** An authority's public key, parsed once for as long as the authority is kept in memory. */
export function authorityKey({ spki }: Pick<KeyedAuthority, 'spki'>): PublicKeyInfo {
  const known = parsedKeys.get(spki);
  if (known !== undefined) return known;
  const key = parsePublicKey(spki);
  parsedKeys.set(spki, key);
  return key;
}

/** An authority that issues: its certificate is there. */
export interface ActiveAuthority extends KeyedAuthority {
  readonly state: 'active';
  readonly certificate: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Narrows to an authority that issues. */
export function isActive(authority: Authority): authority is ActiveAuthority {
  return (
    authority.state === 'active' &&
    authority.spki !== undefined &&
    authority.certificate !== undefined &&
    authority.notBefore !== undefined &&
    authority.notAfter !== undefined
  );
}
