import type { Clock } from '@cert-tasks/kernel';
import { type ActiveAuthority, type Authority, isActive } from '../domain/authority.ts';
import type { Certificate } from '../domain/certificate.ts';
import { CertError } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import { findProfile } from '../domain/issuance-profile.ts';
import { checkIssuanceRequest } from '../domain/issuance-request.ts';
import type { IssuanceOrder, IssuancePipeline } from './issuance-pipeline.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { RequestClaim } from './ports/certificate-store.ts';
import type { RefusalLog } from './refusal-log.ts';

/** A certificate asked for. */
export interface IssueCertificateInput {
  readonly project: string;
  /** The authority's id in the project; undefined: the default. */
  readonly authorityId: string | undefined;
  /** Empty: "server". */
  readonly profile: string;
  readonly csr: Uint8Array;
  /** The field that the request came in, for errors. */
  readonly csrField: string;
  readonly lifetimeMs: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly claim: RequestClaim | undefined;
  readonly validateOnly: boolean;
  readonly origin: Origin;
  readonly signal: AbortSignal;
}

/** Issues a certificate from a certification request under a profile. */
export class IssueCertificate {
  readonly #authorities: AuthorityStore;
  readonly #pipeline: IssuancePipeline;
  readonly #refusals: RefusalLog;
  readonly #clock: Clock;

  constructor(deps: {
    readonly authorities: AuthorityStore;
    readonly pipeline: IssuancePipeline;
    readonly refusals: RefusalLog;
    readonly clock: Clock;
  }) {
    this.#authorities = deps.authorities;
    this.#pipeline = deps.pipeline;
    this.#refusals = deps.refusals;
    this.#clock = deps.clock;
  }

  /**
   * @returns the issued certificate and its issuer; with validateOnly the draft, which is not durable.
   * @throws CertError as the contract of IssueCertificate lists.
   */
  async run(input: IssueCertificateInput): Promise<{ certificate: Certificate; issuer: Authority | undefined }> {
    try {
      return await this.#issue(input);
    } catch (refusal) {
      if (input.validateOnly) throw refusal;
      const { project, profile, origin } = input;
      await this.#refusals.report({ error: refusal, project, subject: `projects/${project}`, profile, origin });
      throw refusal;
    }
  }

  async #issue(input: IssueCertificateInput): Promise<{ certificate: Certificate; issuer: Authority | undefined }> {
    let order: IssuanceOrder;
    try {
      order = await this.#order(input);
    } catch (refusal) {
      // What is refused now may have been granted to the same request before: a repeat gets what the first call got.
      const first = input.validateOnly ? undefined : await this.#pipeline.findRepeat(input);
      if (first === undefined) throw refusal;
      return { certificate: first, issuer: await this.#authorities.findByUid(first.authorityUid) };
    }

    // 3. The path to a released certificate, or its dry run.
    const certificate = input.validateOnly ? this.#pipeline.draft(order) : await this.#pipeline.issue(order);
    return { certificate, issuer: order.issuer };
  }

  async #order(input: IssueCertificateInput): Promise<IssuanceOrder> {
    // 1. What is allowed is decided before anything is looked up or drawn.
    const profile = findProfile(input.profile);
    const { csr, lifetimeMs, csrField: field } = input;
    const request = checkIssuanceRequest({ csr, profile, lifetimeMs, field });

    // 2. Who issues.
    const issuer = await this.#issuer(input);
    return { ...input, issuer, request, renewedFrom: undefined };
  }

  async #issuer({ project, authorityId }: IssueCertificateInput): Promise<ActiveAuthority> {
    const now = this.#clock.now();
    if (authorityId === undefined) {
      const found = await this.#authorities.findDefault({ project, now });
      if (found !== undefined) return found;
      throw new CertError('no-default-authority', `Project ${project} has no active subordinate authority.`, {
        field: 'authority',
        advice: 'Create a root and a subordinate authority, or name an authority.',
      });
    }
    const found = await this.#authorities.find({ project, id: authorityId });
    if (found === undefined) throw authorityNotFound({ project, id: authorityId, field: 'authority' });
    return requireIssuing(found, { field: 'authority', now });
  }
}

/**
 * @throws CertError `authority-not-active` unless the authority issues: its certificate is there and has not expired.
 */
export function requireIssuing(authority: Authority, { field, now }: { field: string; now: Date }): ActiveAuthority {
  if (isActive(authority)) {
    if (authority.notAfter.getTime() > now.getTime()) return authority;
    throw new CertError(
      'authority-not-active',
      `Authority ${authority.id} expired on ${authority.notAfter.toISOString()}.`,
      { field, advice: 'Create another authority.' },
    );
  }
  throw new CertError('authority-not-active', `Authority ${authority.id} does not issue: it is ${authority.state}.`, {
    field,
    advice: 'Wait until it is active; creating it goes on by itself.',
    retryAfterMs: 1000,
  });
}

/** The refusal of an authority that is not there, or another project's: nobody can tell which. */
export function authorityNotFound(input: { project: string; id: string; field: string }): CertError {
  return new CertError('authority-not-found', `Project ${input.project} has no authority ${input.id}.`, {
    field: input.field,
    advice: 'List the authorities of the project.',
  });
}
