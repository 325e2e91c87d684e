import type { CertificateList } from './certificate-list.ts';
import type { CRL_LINT_RULES } from './lint-crl.ts';
import type { OcspResponse } from './ocsp-response.ts';

/** How revocation is judged. Plain data: make your own from `REVOCATION_POLICIES`. */
export interface RevocationPolicy {
  /** Whether a certificate whose state cannot be found out is refused (hard) or let pass and reported (soft). */
  readonly unknown: 'refuse' | 'accept';
  /** `leaf` looks at the leaf alone, `path` at every certificate but the anchor. */
  readonly scope: 'leaf' | 'path';
  /** Milliseconds by which `thisUpdate` may lie ahead and `nextUpdate` behind, for clocks that differ. */
  readonly clockTolerance: number;
  /**
   * Oldest answer that counts, in milliseconds since its `thisUpdate`; undefined for no limit but `nextUpdate`. An OCSP
   * answer without `nextUpdate` counts only where this is given.
   */
  readonly maxAge: number | undefined;
  /**
   * Whether a CRL or OCSP response may be all that speaks for the certificate that signed it. RFC 5280 does not rule it
   * out; whoever has such a key can say that it is good.
   */
  readonly signersMayVouchForThemselves: boolean;
  /**
   * Rules of RFC 5280 section 5 that a CRL must keep to be used; they bind issuers, so a CRL that breaks one of the rest may
   * still tell the truth.
   */
  readonly crlRules: ReadonlySet<keyof typeof CRL_LINT_RULES>;
  /** Nonce that OCSP responses must carry; left out where none was sent. */
  readonly nonce?: Uint8Array;
}

const PROFILE: ReadonlySet<keyof typeof CRL_LINT_RULES> = new Set([
  'crl-issuer-name',
  'crl-next-update',
  'crl-number-missing',
  'crl-number-critical',
  'crl-authority-key-identifier-critical',
  'crl-delta-indicator-not-critical',
  'crl-distribution-point-not-critical',
  'crl-freshest-critical',
]);

const COMMON = {
  scope: 'path',
  clockTolerance: 0,
  maxAge: undefined,
  signersMayVouchForThemselves: false,
  crlRules: PROFILE,
} as const;

/** The named policies of revocation. */
export const REVOCATION_POLICIES = {
  /** Every certificate of the path must be known not to be revoked. */
  hardFail: { ...COMMON, unknown: 'refuse' },
  /** A revoked certificate is refused; one of unknown state passes. */
  softFail: { ...COMMON, unknown: 'accept' },
} as const satisfies Record<string, RevocationPolicy>;

/** Bounds of revocation checking in one validation. */
export interface RevocationLimits {
  /** Most CRLs and most OCSP responses given. */
  readonly maxSources: number;
  /** Most signatures checked. */
  readonly maxSignatureChecks: number;
  /** Deepest nesting of questions: a CRL whose issuer's certificate needs a CRL, and so on. */
  readonly maxDepth: number;
}

/** 200 CRLs, 200 OCSP responses, 200 signatures, 4 levels. */
export const REVOCATION_LIMITS: RevocationLimits = { maxSources: 200, maxSignatureChecks: 200, maxDepth: 4 };

/** What is known about revocation. Nothing is fetched: the caller brings what the certificates point to. */
export interface RevocationInput {
  readonly policy: RevocationPolicy;
  /** Complete, delta and indirect CRLs in any order. */
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  /** `REVOCATION_LIMITS` where left out. */
  readonly limits?: RevocationLimits;
}
