import type { ActiveAuthority, Authority, KeyedAuthority } from '../../domain/authority.ts';
import type { Certificate } from '../../domain/certificate.ts';
import type { CertEvent } from '../../domain/event.ts';
import type { RequestClaim } from './certificate-store.ts';

/** How recording a new authority ended. */
export type AuthorityOutcome =
  | { readonly outcome: 'recorded' }
  | { readonly outcome: 'replay'; readonly uid: string }
  | { readonly outcome: 'exists' };

/** Authorities. Writes as in CertificateStore: one transaction each, guarded, event last. */
export interface AuthorityStore {
  /** The row in state creating, and the request claim. @throws IdempotencyError as CertificateStore.recordIntent. */
  record(authority: Authority, options: { readonly claim: RequestClaim | undefined }): Promise<AuthorityOutcome>;
  /** The public key of an authority in creation. False where it has one already. */
  setKey(input: { readonly uid: string; readonly spki: Uint8Array }): Promise<boolean>;
  /**
   * The intent of its own certificate: the certificate row, the serial, the link to it. False where it has one already.
   */
  recordCertificateIntent(input: {
    readonly authority: KeyedAuthority;
    readonly intent: Certificate;
  }): Promise<boolean>;
  /**
   * creating → active: its certificate pending → issued, its chain, one CRL shard row each, the events. False where it
   * is not in creation any more.
   */
  activate(input: {
    readonly authority: KeyedAuthority;
    readonly certificate: Certificate;
    readonly der: Uint8Array;
    /** Its own certificate first. */
    readonly chain: readonly Uint8Array[];
    readonly events: readonly CertEvent[];
  }): Promise<boolean>;
  /** Its certificate's intent pending → failed and unlinked, so that another can be recorded. */
  dropCertificateIntent(input: { readonly authority: Authority; readonly certificate: Certificate }): Promise<void>;
  find(key: { readonly project: string; readonly id: string }): Promise<Authority | undefined>;
  /** For what cert does by itself, and for URLs inside certificates, which name uids. */
  findByUid(uid: string): Promise<Authority | undefined>;
  /** The project's oldest active subordinate that has not expired: what issues where the caller names none. */
  findDefault(input: { readonly project: string; readonly now: Date }): Promise<ActiveAuthority | undefined>;
  /** A project's authorities, the oldest first. */
  list(query: {
    readonly project: string;
    readonly after: { readonly createdAt: Date; readonly uid: string } | undefined;
    readonly limit: number;
  }): Promise<readonly Authority[]>;
  /** In creation for longer by the database's clock, by uid (which is by age), of all projects. */
  listUnfinished(input: {
    readonly olderThanMs: number;
    /** Rows beyond this uid. */
    readonly after: string | undefined;
    readonly limit: number;
  }): Promise<readonly Authority[]>;
}
