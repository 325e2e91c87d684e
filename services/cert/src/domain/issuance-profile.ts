import type { KeyUsage } from '@cert-tasks/x509';
import { OID } from '@cert-tasks/x509';
import { CertError } from './errors.ts';

/**
 * What may be issued and how: the policy that a request is held against. The revision is stored in each certificate.
 */
export interface IssuanceProfile {
  readonly id: string;
  readonly revision: number;
  /** Validity in ms where the caller names none. */
  readonly defaultLifetimeMs: number;
  /** Longest validity in ms. */
  readonly maxLifetimeMs: number;
  /** Subject keys that are certified, as kinds of packages/x509. RSA from 2048 to 4096 bits. */
  readonly keyKinds: ReadonlySet<'rsa' | 'ec' | 'ed25519'>;
  /** Most names in the subject alternative name. */
  readonly maxNames: number;
  /** Kinds of names that may be asked for. */
  readonly nameKinds: ReadonlySet<'dns' | 'ip' | 'uri' | 'email'>;
  /** Whether `*` may stand as the whole leftmost label. */
  readonly allowWildcards: boolean;
  /** For EC and Ed25519 keys. */
  readonly keyUsages: readonly KeyUsage[];
  /** For RSA keys, which may also carry a session key. */
  readonly rsaKeyUsages: readonly KeyUsage[];
  /** Key purposes, dotted decimal. */
  readonly extendedKeyUsages: readonly string[];
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * TLS servers (docs/profiles.md). Names stand in the subject alternative name alone: a common name must be one of them
 * and is not
 * copied (CA/Browser Forum BR 7.1.4.3 discourages it).
 */
const SERVER: IssuanceProfile = {
  id: 'server',
  revision: 1,
  defaultLifetimeMs: 90 * DAY_MS,
  maxLifetimeMs: 397 * DAY_MS,
  keyKinds: new Set(['rsa', 'ec', 'ed25519']),
  maxNames: 100,
  nameKinds: new Set(['dns', 'ip']),
  allowWildcards: true,
  keyUsages: ['digitalSignature'],
  rsaKeyUsages: ['digitalSignature', 'keyEncipherment'],
  extendedKeyUsages: [OID.serverAuth],
};

const PROFILES: ReadonlyMap<string, IssuanceProfile> = new Map([[SERVER.id, SERVER]]);

/** Profile ids of certificates that authorities have for themselves; nobody can ask for them. */
export const AUTHORITY_PROFILE = 'authority';

/**
 * The profile with this id; empty means "server".
 * @throws CertError `profile-unknown`.
 */
export function findProfile(id: string): IssuanceProfile {
  const profile = PROFILES.get(id === '' ? SERVER.id : id);
  if (profile === undefined) {
    throw new CertError('profile-unknown', `There is no profile "${id.slice(0, 63)}".`, {
      field: 'profile',
      advice: `Known profiles: ${[...PROFILES.keys()].join(', ')}.`,
    });
  }
  return profile;
}
