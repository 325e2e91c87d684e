import type { Clock } from '@cert-tasks/kernel';
import { parsePublicKey } from '@cert-tasks/x509';
import type { Authority } from '../domain/authority.ts';
import { type Certificate, certificateName, type SubjectAlternativeNames } from '../domain/certificate.ts';
import { BACKDATE_MS } from '../domain/certificate-template.ts';
import { CertError } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import { AUTHORITY_PROFILE, findProfile, type IssuanceProfile } from '../domain/issuance-profile.ts';
import { checkIssuanceRequest, checkKey, type IssuanceRequest } from '../domain/issuance-request.ts';
import { certificateNotFound } from './get-certificate.ts';
import { type IssuanceOrder, type IssuancePipeline, notRenewable } from './issuance-pipeline.ts';
import { authorityNotFound, requireIssuing } from './issue-certificate.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { CertificateStore, RequestClaim } from './ports/certificate-store.ts';
import type { RefusalLog } from './refusal-log.ts';

/** A renewal asked for. */
export interface RenewCertificateInput {
  readonly project: string;
  readonly id: string;
  /** A request with a new key; undefined: the same key. */
  readonly csr: Uint8Array | undefined;
  readonly claim: RequestClaim | undefined;
  readonly origin: Origin;
  readonly signal: AbortSignal;
}

/** Issues the successor of a certificate: the same authority, profile, names, labels and length of life. */
export class RenewCertificate {
  readonly #certificates: CertificateStore;
  readonly #authorities: AuthorityStore;
  readonly #pipeline: IssuancePipeline;
  readonly #refusals: RefusalLog;
  readonly #clock: Clock;

  constructor(deps: {
    readonly certificates: CertificateStore;
    readonly authorities: AuthorityStore;
    readonly pipeline: IssuancePipeline;
    readonly refusals: RefusalLog;
    readonly clock: Clock;
  }) {
    this.#certificates = deps.certificates;
    this.#authorities = deps.authorities;
    this.#pipeline = deps.pipeline;
    this.#refusals = deps.refusals;
    this.#clock = deps.clock;
  }

  /** @throws CertError as the contract of RenewCertificate lists. */
  async run(input: RenewCertificateInput): Promise<{ certificate: Certificate; issuer: Authority | undefined }> {
    // 1. What is renewed: a certificate of the project.
    const old = await this.#certificates.find(input);
    if (old === undefined) throw certificateNotFound(input);
    const issuer = await this.#authorities.findByUid(old.authorityUid);

    // 2. Whether it may be. A repeat may find the old certificate revoked since: it gets what the first call got.
    let order: IssuanceOrder;
    try {
      order = this.#order({ input, old, issuer });
    } catch (refusal) {
      const first = await this.#pipeline.findRepeat(input);
      if (first !== undefined) return { certificate: first, issuer };
      const { project, origin } = input;
      const subject = certificateName(old);
      await this.#refusals.report({ error: refusal, project, subject, profile: old.profile, origin });
      throw refusal;
    }

    // 3. The path of issuance. That there is one successor only is decided where the intent is recorded, not here.
    return { certificate: await this.#pipeline.issue(order), issuer };
  }

  /** An issued certificate is renewed by its own authority, under its profile as it is now. */
  #order(parts: { input: RenewCertificateInput; old: Certificate; issuer: Authority | undefined }): IssuanceOrder {
    const { input, old, issuer } = parts;
    // An authority's own certificate is not renewed by this call: rolling an authority over is another matter.
    if (old.state !== 'issued' || old.profile === AUTHORITY_PROFILE) throw notRenewable(old);
    const profile = findProfile(old.profile);
    const request = renewalRequest({ old, profile, csr: input.csr });
    if (issuer === undefined) throw authorityNotFound({ project: input.project, id: old.authorityId, field: 'name' });
    return {
      ...input,
      issuer: requireIssuing(issuer, { field: 'name', now: this.#clock.now() }),
      request,
      labels: old.labels,
      renewedFrom: old.id,
    };
  }
}

/** The end of an authority may have cut the old certificate shorter than anybody may ask for. */
const MIN_LIFETIME_MS = 5 * 60 * 1000;

function renewalRequest(input: {
  old: Certificate;
  profile: IssuanceProfile;
  csr: Uint8Array | undefined;
}): IssuanceRequest {
  const { old, profile, csr } = input;
  // The old certificate began five minutes before it was asked for; the new one is to live as long from now on, within
  // what the profile allows now.
  const lived = old.notAfter.getTime() - old.notBefore.getTime() - BACKDATE_MS;
  const lifetimeMs = Math.min(Math.max(lived, MIN_LIFETIME_MS), profile.maxLifetimeMs);
  if (csr === undefined) {
    const publicKey = checkKey({ publicKey: parsePublicKey(old.spki), profile, field: 'name' });
    return { profile, publicKey, names: old.names, lifetimeMs };
  }
  const request = checkIssuanceRequest({ csr, profile, lifetimeMs, field: 'csr_der' });
  if (!sameNames(request.names, old.names)) {
    throw new CertError(
      'name-not-allowed',
      'The new request asks for other names than the certificate that it renews.',
      {
        field: 'csr_der',
        advice: 'Ask for the same names, or issue a new certificate.',
      },
    );
  }
  return { ...request, names: old.names };
}

function sameNames(a: SubjectAlternativeNames, b: SubjectAlternativeNames): boolean {
  const flat = (names: SubjectAlternativeNames): string =>
    JSON.stringify(
      [names.dnsNames, names.ipAddresses, names.uris, names.emailAddresses].map((list) => list.toSorted()),
    );
  return flat(a) === flat(b);
}
