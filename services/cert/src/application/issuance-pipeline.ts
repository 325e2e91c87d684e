import { failpoint } from '@cert-tasks/failpoint';
import { type Clock, newId, type RandomBytes, sleep } from '@cert-tasks/kernel';
import type { ActiveAuthority } from '../domain/authority.ts';
import { type Certificate, certificateName, isReleased, type ReleasedCertificate } from '../domain/certificate.ts';
import { endEntityTbs, validity } from '../domain/certificate-template.ts';
import { crlShard } from '../domain/crl-shard.ts';
import { CertError } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import type { IssuanceRequest } from '../domain/issuance-request.ts';
import { renewalWindow } from '../domain/renewal-window.ts';
import { serialFromBytes } from '../domain/serial.ts';
import { assertLintFree } from './assert-lint-free.ts';
import type { CompleteIssuance } from './complete-issuance.ts';
import type { CertificateStore, RequestClaim } from './ports/certificate-store.ts';
import type { SigningBackend } from './ports/signing-backend.ts';
import type { ResolveIntent } from './resolve-intent.ts';

/** What the path from an allowed request to a released certificate needs. */
export interface IssuancePipelineDeps {
  readonly certificates: CertificateStore;
  readonly signer: SigningBackend;
  readonly complete: CompleteIssuance;
  readonly resolve: ResolveIntent;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** What is to be issued. */
export interface IssuanceOrder {
  readonly project: string;
  readonly issuer: ActiveAuthority;
  readonly request: IssuanceRequest;
  readonly labels: Readonly<Record<string, string>>;
  readonly renewedFrom: string | undefined;
  readonly claim: RequestClaim | undefined;
  readonly origin: Origin;
  /** Ends the waiting, not the issuance: an intent that is durable is carried to its end. */
  readonly signal: AbortSignal;
}

/** How often a repeat looks for the outcome of an intent that another call holds, in ms. */
const WAIT_STEP_MS = 50;

/**
 * From an allowed request to a released certificate, for issuing and renewing alike (docs/flows/issuance.md): draft,
 * lint, intent, signature, verification,
 * release. The steps' order is the product's first promise: nothing is signed that is not durable here, nothing is
 * released that is not verified.
 */
export class IssuancePipeline {
  readonly #deps: IssuancePipelineDeps;

  constructor(deps: IssuancePipelineDeps) {
    this.#deps = deps;
  }

  /**
   * The intent for an order, linted, with nothing durable yet: what a dry run ends with.
   * @throws CertError `lint-failed`.
   */
  draft(order: IssuanceOrder): Certificate {
    const { issuer, request } = order;
    const now = this.#deps.clock.now();
    const serial = serialFromBytes(this.#deps.randomBytes(20));
    const { notBefore, notAfter } = validity({ now, lifetimeMs: request.lifetimeMs, issuerNotAfter: issuer.notAfter });
    const tbs = endEntityTbs({ issuer, request, serial, notBefore, notAfter });
    assertLintFree(tbs);
    return {
      id: newId(this.#deps),
      project: order.project,
      state: 'pending',
      authorityUid: issuer.uid,
      authorityId: issuer.id,
      profile: request.profile.id,
      profileRevision: request.profile.revision,
      serial,
      subject: '',
      names: request.names,
      notBefore,
      notAfter,
      tbs,
      spki: request.publicKey.der,
      der: undefined,
      crlShard: crlShard({ serial, shardCount: issuer.crlShardCount }),
      labels: order.labels,
      renewal: renewalWindow({ notBefore, notAfter, jitter: (this.#deps.randomBytes(1)[0] ?? 0) / 256 }),
      renewedFrom: order.renewedFrom,
      replacedBy: undefined,
      revocation: undefined,
      createdAt: now,
      version: 1n,
    };
  }

  /**
   * Issues. @throws CertError `lint-failed`, `already-renewed`, `certificate-not-issued`, `issuance-refused`,
   * `signer-unavailable`, `signature-invalid`,
   * `request-in-progress`; IdempotencyError.
   */
  async issue(order: IssuanceOrder): Promise<ReleasedCertificate> {
    // 1. Everything that can be refused without a trace is refused here.
    const certificate = this.draft(order);
    failpoint('cert.issue.before-intent');

    // 2. The intent before the signature: whatever happens from here on, the row says what may exist.
    const recorded = await this.#deps.certificates.recordIntent(certificate, { claim: order.claim });
    if (recorded.outcome === 'replay') return this.#awaitOutcome(order, recorded.certificateId);
    if (recorded.outcome === 'already-renewed')
      throw alreadyRenewed({ project: order.project, id: recorded.certificateId });
    if (recorded.outcome === 'not-renewable')
      throw notRenewable({ project: order.project, id: order.renewedFrom ?? '' });
    failpoint('cert.issue.after-intent');

    // 3. The signature. Where signer refused for good, the intent is ended there before it is ended here.
    const signature = await this.#sign({ certificate, order });
    failpoint('cert.issue.after-sign');

    // 4. Verified, stored and told in one transaction; then released. Recovery may have been faster: its result is the
    // same certificate.
    const released = await this.#deps.complete.run({
      certificate,
      issuer: order.issuer,
      signature,
      origin: order.origin,
    });
    return released ?? this.#find({ project: order.project, id: certificate.id });
  }

  /**
   * What the same request brought when it came before, waited for while it is under way; undefined where it did not
   * come before. For a repeat that would be
   * refused now: what was granted once is answered again.
   * @throws CertError `request-in-progress`.
   */
  async findRepeat({
    project,
    claim,
    signal,
  }: Pick<IssuanceOrder, 'project' | 'claim' | 'signal'>): Promise<ReleasedCertificate | undefined> {
    if (claim === undefined) return undefined;
    const first = await this.#deps.certificates.findByClaim({ project, claim });
    return first === undefined ? undefined : this.#awaitOutcome({ project, signal }, first.id);
  }

  async #sign(input: { certificate: Certificate; order: IssuanceOrder }): Promise<Uint8Array> {
    const { certificate, order } = input;
    try {
      return await this.#deps.signer.sign({
        intentId: certificate.id,
        keyName: order.issuer.keyName,
        kind: 'certificate',
        tbs: certificate.tbs,
      });
    } catch (error) {
      if (error instanceof CertError && error.code === 'issuance-refused') {
        await this.#deps.resolve.run({ certificate, issuer: order.issuer, origin: order.origin, reason: error.code });
      }
      throw error;
    }
  }

  /** A repeat's answer: the first call's certificate, waited for while its signature is under way. */
  async #awaitOutcome(
    { project, signal }: Pick<IssuanceOrder, 'project' | 'signal'>,
    id: string,
  ): Promise<ReleasedCertificate> {
    for (;;) {
      const found = await this.#deps.certificates.find({ project, id });
      if (found === undefined || found.state === 'failed')
        throw inProgress('The first call with this request id failed just now.');
      if (isReleased(found)) return found;
      try {
        await sleep(WAIT_STEP_MS, signal);
      } catch {
        throw inProgress('The first call with this request id is still under way.');
      }
    }
  }

  async #find(key: { project: string; id: string }): Promise<ReleasedCertificate> {
    const found = await this.#deps.certificates.find(key);
    if (found !== undefined && isReleased(found)) return found;
    throw new CertError('signer-unavailable', `${certificateName(key)} was ended by recovery before it was signed.`, {
      advice: 'Repeat the call with the same request id.',
      retryAfterMs: 1000,
    });
  }
}

/** A certificate has one successor. */
export function alreadyRenewed(successor: { project: string; id: string }): CertError {
  const name = certificateName(successor);
  return new CertError('already-renewed', `The certificate was renewed before, by ${name}.`, {
    advice: 'Renew that one, or use it.',
    metadata: { successor: name },
  });
}

/** The refusal to renew what is not issued (any more). */
export function notRenewable(key: { project: string; id: string }): CertError {
  return new CertError(
    'certificate-not-issued',
    `${certificateName(key)} cannot be renewed: it is not issued, or not any more.`,
    {
      field: 'name',
      advice: 'Issue a new certificate.',
    },
  );
}

function inProgress(message: string): CertError {
  return new CertError('request-in-progress', message, {
    advice: 'Repeat the call with the same request id.',
    retryAfterMs: 500,
  });
}
