import { type Authority, authorityName, isActive } from '../domain/authority.ts';
import { type Certificate, certificateName } from '../domain/certificate.ts';
import { CertError } from '../domain/errors.ts';
import { loopOrigin } from '../domain/event.ts';
import type { CompleteAuthority } from './complete-authority.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { CertificateStore } from './ports/certificate-store.ts';
import type { ResolveIntent } from './resolve-intent.ts';

const PAGE = 100;

/** Something that could not be ended this time. */
export interface RecoveryFailure {
  /** The resource name of the certificate or authority. */
  readonly subject: string;
  readonly error: unknown;
}

/**
 * Ends what a crash or an unreachable signer left open: intents and authorities that have been under way for too long.
 * Run by one leader at a time; two that
 * overlap do no harm, for every step is guarded by the state that it expects.
 */
export class RecoverIntents {
  readonly #certificates: CertificateStore;
  readonly #authorities: AuthorityStore;
  readonly #resolve: ResolveIntent;
  readonly #completeAuthority: CompleteAuthority;
  readonly #olderThanMs: number;
  readonly #onFailure: (failure: RecoveryFailure) => void;

  constructor(deps: {
    readonly certificates: CertificateStore;
    readonly authorities: AuthorityStore;
    readonly resolve: ResolveIntent;
    readonly completeAuthority: CompleteAuthority;
    /** Longer than any call may take: a request under way is not to be voided under its hands. */
    readonly olderThanMs: number;
    /** Told of each that failed; it is tried again in the next run, and the others go on. */
    readonly onFailure: (failure: RecoveryFailure) => void;
  }) {
    this.#certificates = deps.certificates;
    this.#authorities = deps.authorities;
    this.#resolve = deps.resolve;
    this.#completeAuthority = deps.completeAuthority;
    this.#olderThanMs = deps.olderThanMs;
    this.#onFailure = deps.onFailure;
  }

  /** @returns how many were ended and how many failed. @throws what the stores' lists throw. */
  async run(signal: AbortSignal): Promise<{ ended: number; failed: number }> {
    const count = { ended: 0, failed: 0 };

    // 1. Authorities first: the intents of their own certificates are theirs to end.
    for await (const authority of this.#unfinished()) {
      if (signal.aborted) return count;
      await this.#attempt(count, authorityName(authority), () => this.#endAuthority(authority));
    }

    // 2. Certificates.
    for await (const certificate of this.#pending()) {
      if (signal.aborted) return count;
      await this.#attempt(count, certificateName(certificate), () => this.#endIntent(certificate));
    }
    return count;
  }

  async #attempt(
    count: { ended: number; failed: number },
    subject: string,
    end: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await end();
      count.ended += 1;
    } catch (error) {
      count.failed += 1;
      this.#onFailure({ subject, error });
    }
  }

  #endAuthority({ uid }: Authority): Promise<unknown> {
    return this.#completeAuthority.run({ uid, origin: loopOrigin('recover-intents') });
  }

  async #endIntent(certificate: Certificate): Promise<void> {
    const issuer = await this.#authorities.findByUid(certificate.authorityUid);
    if (issuer === undefined || !isActive(issuer)) {
      throw new CertError('authority-not-active', `The issuer of ${certificateName(certificate)} does not issue.`, {
        advice: 'Run fsck: an intent stands only where its issuer issued.',
      });
    }
    await this.#resolve.run({
      certificate,
      issuer,
      origin: loopOrigin('recover-intents'),
      reason: 'signer-unavailable',
    });
  }

  async *#unfinished(): AsyncGenerator<Authority> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#authorities.listUnfinished({ olderThanMs: this.#olderThanMs, after, limit: PAGE });
      yield* page;
      after = page.at(-1)?.uid;
      if (page.length < PAGE) return;
    }
  }

  async *#pending(): AsyncGenerator<Certificate> {
    let after: string | undefined;
    for (;;) {
      const page = await this.#certificates.listPending({ olderThanMs: this.#olderThanMs, after, limit: PAGE });
      yield* page;
      after = page.at(-1)?.id;
      if (page.length < PAGE) return;
    }
  }
}
