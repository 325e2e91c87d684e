import type { CertEvent } from '../../domain/event.ts';
import type { RevocationReason } from '../../domain/revocation-reason.ts';

/** A CRL as it is kept, from the intent on. */
export interface StoredCrl {
  /** A UUID: the intent's id towards signer. */
  readonly id: string;
  readonly authorityUid: string;
  readonly shard: number;
  readonly number: bigint;
  readonly state: 'pending' | 'published' | 'failed';
  readonly tbs: Uint8Array;
  readonly der: Uint8Array | undefined;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** The shard's revision that it lists: revocations up to it are in. */
  readonly revision: bigint;
}

/** A shard whose CRL is to be made: revocations that no published CRL lists, or the time has come. */
export interface DueShard {
  readonly authorityUid: string;
  readonly shard: number;
}

/** What a CRL is built from: read in one snapshot. */
export interface ShardContent {
  readonly number: bigint;
  readonly revision: bigint;
  readonly entries: readonly {
    readonly serial: Uint8Array;
    readonly revokedAt: Date;
    readonly reason: RevocationReason;
  }[];
}

/** CRLs by shard. */
export interface CrlStore {
  /**
   * Shards that are dirty, or whose next CRL is due at `now`, the most urgent first; those put off beyond `now` are
   * left out.
   */
  listDue(input: { readonly now: Date; readonly limit: number }): Promise<readonly DueShard[]>;
  /** The CRL whose signature is awaited for this shard, where there is one. */
  findPending(shard: DueShard): Promise<StoredCrl | undefined>;
  /**
   * Takes the shard's next number and makes the intent durable: `build` is called inside the transaction with the
   * shard's content. Expired
   * certificates' entries are dropped once a CRL past their expiry has listed them (RFC 5280, 3.3).
   */
  recordIntent(input: {
    readonly shard: DueShard;
    readonly build: (content: ShardContent) => StoredCrl;
  }): Promise<StoredCrl>;
  /**
   * pending → published: served from now on; the shard is clean up to its revision and due again at `dueAt`. False
   * where it is not pending any more.
   */
  publish(input: {
    readonly crl: StoredCrl;
    readonly der: Uint8Array;
    readonly dueAt: Date;
    readonly event: CertEvent;
  }): Promise<boolean>;
  /** pending → failed: signer has voided it. */
  fail(crl: StoredCrl): Promise<void>;
  /**
   * Puts a shard off whose CRL could not be made: longer with each failure in a row, at most 5 minutes. Publishing ends
   * it.
   */
  putOff(input: { readonly shard: DueShard; readonly now: Date }): Promise<void>;
  /** The CRL that is served for a shard. */
  findCurrent(shard: DueShard): Promise<StoredCrl | undefined>;
}
