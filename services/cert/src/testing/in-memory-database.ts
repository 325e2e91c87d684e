import { IdempotencyError } from '@cert-tasks/idempotency';
import { toHex } from '@cert-tasks/x509';
import type { RequestClaim } from '../application/ports/certificate-store.ts';
import type { StoredCrl } from '../application/ports/crl-store.ts';
import type { EventTrail } from '../application/ports/event-trail.ts';
import type { Authority } from '../domain/authority.ts';
import type { Certificate } from '../domain/certificate.ts';
import type { CertEvent } from '../domain/event.ts';
import type { RevocationReason } from '../domain/revocation-reason.ts';

/** A certificate with what only its row has. */
export interface CertificateRecord {
  readonly certificate: Certificate;
  readonly requestKey: string | undefined;
  readonly recordedAtMs: number;
}

/** A revocation as CRLs list it. */
export interface RevocationRecord {
  readonly authorityUid: string;
  readonly shard: number;
  readonly serial: Uint8Array;
  readonly revokedAt: Date;
  readonly reason: RevocationReason;
  readonly notAfter: Date;
  readonly revision: bigint;
  readonly isListedPastExpiry: boolean;
}

/** A CRL shard's row. */
export interface ShardRecord {
  readonly authorityUid: string;
  readonly shard: number;
  readonly nextNumber: bigint;
  readonly revision: bigint;
  readonly publishedRevision: bigint;
  readonly dueAt: Date;
  readonly failures: number;
  readonly retryAt: Date | undefined;
  readonly currentCrlId: string | undefined;
}

/**
 * What the fake stores share, as the real ones share a schema. Each of their methods acts in one turn, which is their
 * transaction.
 */
export class InMemoryDatabase implements EventTrail {
  readonly certificates = new Map<string, CertificateRecord>();
  readonly authorities = new Map<string, { readonly authority: Authority; readonly recordedAtMs: number }>();
  readonly serials = new Set<string>();
  readonly requests = new Map<string, { readonly hash: string; readonly resource: string }>();
  readonly shards = new Map<string, ShardRecord>();
  readonly crls = new Map<string, StoredCrl>();
  revocations: RevocationRecord[] = [];
  readonly events: CertEvent[] = [];

  async append(event: CertEvent): Promise<void> {
    this.events.push(event);
  }

  /** @returns the resource of an equal earlier request. @throws IdempotencyError `request-id-reused`. */
  claim(claim: RequestClaim | undefined, resource: string): string | undefined {
    if (claim === undefined) return undefined;
    const known = this.requests.get(toHex(claim.key));
    if (known === undefined) {
      this.requests.set(toHex(claim.key), { hash: toHex(claim.hash), resource });
      return undefined;
    }
    if (known.hash === toHex(claim.hash)) return known.resource;
    throw new IdempotencyError('request-id-reused', 'Another request had this id.', { field: 'request_id' });
  }

  /** Forgets a claim. */
  release(claim: RequestClaim | undefined): void {
    if (claim !== undefined) this.requests.delete(toHex(claim.key));
  }

  /** @throws Error for a serial that the issuer has used. */
  insertIntent(intent: Certificate, requestKey: string | undefined): void {
    const serial = `${intent.authorityUid} ${toHex(intent.serial)}`;
    if (this.serials.has(serial)) throw new Error('The issuer has used this serial before.');
    this.serials.add(serial);
    this.certificates.set(intent.id, { certificate: intent, requestKey, recordedAtMs: Date.now() });
  }

  /** Puts a certificate in the place of itself, one version later. */
  change(certificate: Certificate, changes: Partial<Certificate>): Certificate {
    const record = this.certificates.get(certificate.id);
    if (record === undefined) throw new Error(`There is no certificate ${certificate.id}.`);
    const changed = { ...record.certificate, ...changes, version: record.certificate.version + 1n };
    this.certificates.set(certificate.id, { ...record, certificate: changed });
    return changed;
  }
}
