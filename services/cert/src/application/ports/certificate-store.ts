import type { Certificate } from '../../domain/certificate.ts';
import type { CertEvent } from '../../domain/event.ts';
import type { RevocationReason } from '../../domain/revocation-reason.ts';

/** What makes a call safe to repeat (docs/adr/0005). */
export interface RequestClaim {
  /** 32 octets: project, principal, method and request id, hashed. */
  readonly key: Uint8Array;
  /** 32 octets: the request without its id, hashed. */
  readonly hash: Uint8Array;
}

/** How recording an intent ended. */
export type IntentOutcome =
  | { readonly outcome: 'recorded' }
  /** The same request was made before; this is its certificate. */
  | { readonly outcome: 'replay'; readonly certificateId: string }
  /** The certificate to be renewed has a successor already. */
  | { readonly outcome: 'already-renewed'; readonly certificateId: string }
  /** The certificate to be renewed is not issued any more. */
  | { readonly outcome: 'not-renewable' };

/** How a revocation ended. */
export type RevokeOutcome =
  | { readonly outcome: 'revoked'; readonly certificate: Certificate }
  | { readonly outcome: 'not-found' }
  /** It is in another state, or another version than was expected. */
  | { readonly outcome: 'unchanged'; readonly certificate: Certificate };

/** What a list is asked for; all given conditions hold. */
export interface CertificateQuery {
  readonly project: string;
  readonly state?: Certificate['state'];
  readonly authorityId?: string;
  readonly profile?: string;
  readonly serial?: Uint8Array;
  readonly dnsName?: string;
  readonly publicKeySha256?: Uint8Array;
  readonly fingerprintSha256?: Uint8Array;
  readonly labels?: readonly { readonly key: string; readonly value: string }[];
  readonly expires?: readonly { readonly operator: '<' | '<=' | '>' | '>=' | '='; readonly at: Date }[];
  readonly order: { readonly by: 'created' | 'expires'; readonly descending: boolean };
  /** Rows beyond this one, in the order asked for. */
  readonly after?: { readonly at: Date; readonly id: string };
  readonly limit: number;
}

/** A certificate whose renewal is due. */
export interface DueRenewal {
  readonly id: string;
  readonly project: string;
  readonly renewAt: Date;
}

/**
 * Certificates and the intents to issue them. Every write is one transaction, guarded by the state that it expects; its
 * event is
 * appended last in the same transaction. A project never sees another's rows.
 *
 * Failures of the database are rejections with its own error; nothing has changed then, or the caller finds out by
 * asking.
 */
export interface CertificateStore {
  /**
   * Makes an intent durable: the row in state pending, the serial (unique per issuer), the request claim, and where it
   * is a renewal the
   * old row's successor, all or nothing.
   * @throws IdempotencyError where the claim's key was used for another request, or its first use has not ended yet.
   */
  recordIntent(intent: Certificate, options: { readonly claim: RequestClaim | undefined }): Promise<IntentOutcome>;
  /** pending → issued, with the event. False where it is not pending any more. */
  markIssued(input: {
    readonly certificate: Certificate;
    readonly der: Uint8Array;
    readonly event: CertEvent;
  }): Promise<boolean>;
  /**
   * pending → failed, with the event; the request claim goes, so that a repeat tries anew, and so does the link from a
   * renewed certificate. False where it is
   * not pending any more.
   */
  markFailed(input: { readonly certificate: Certificate; readonly event: CertEvent }): Promise<boolean>;
  /** issued → revoked: the row, the shard's revocation and its revision, the request claim, the event. */
  revoke(input: {
    readonly project: string;
    readonly id: string;
    readonly reason: RevocationReason;
    /** The version that the caller knows; undefined: any. */
    readonly version: bigint | undefined;
    readonly claim: RequestClaim | undefined;
    readonly event: (certificate: Certificate) => CertEvent;
  }): Promise<RevokeOutcome>;
  find(key: { readonly project: string; readonly id: string }): Promise<Certificate | undefined>;
  /**
   * The certificate that a request made when it came before; undefined where it did not, or was another under the same
   * id.
   */
  findByClaim(input: { readonly project: string; readonly claim: RequestClaim }): Promise<Certificate | undefined>;
  list(query: CertificateQuery): Promise<readonly Certificate[]>;
  /**
   * Intents that have been pending for longer by the database's clock, by id (which is by age), of all projects;
   * authorities' own are left out: they are
   * their authority's to end.
   */
  listPending(input: {
    readonly olderThanMs: number;
    /** Rows beyond this id. */
    readonly after: string | undefined;
    readonly limit: number;
  }): Promise<readonly Certificate[]>;
  /**
   * Issued, unexpired certificates without successor whose window is open, in order of window and id, of all projects;
   * authorities' own are left out.
   */
  listDueRenewals(input: {
    readonly now: Date;
    readonly after: { readonly renewAt: Date; readonly id: string } | undefined;
    readonly limit: number;
  }): Promise<readonly DueRenewal[]>;
  /**
   * Moves the opening of a renewal window to a later time. False where there is nothing to renew any more, or it opens
   * later anyhow.
   */
  postponeRenewal(input: { readonly project: string; readonly id: string; readonly until: Date }): Promise<boolean>;
}
