import type { Clock } from '@cert-tasks/kernel';
import type { CertificateStore } from './ports/certificate-store.ts';

const HOUR_MS = 60 * 60 * 1000;

/**
 * Keeps a certificate whose renewal was refused for good from being tried again with every scan: an eighth of what is
 * left of its life later, between
 * one hour and one day. What stands in the way (a key that is not allowed any more, an authority that does not issue)
 * is a person's to mend.
 */
export class PostponeRenewal {
  readonly #certificates: CertificateStore;
  readonly #clock: Clock;

  constructor(deps: { readonly certificates: CertificateStore; readonly clock: Clock }) {
    this.#certificates = deps.certificates;
    this.#clock = deps.clock;
  }

  /** Changes nothing where there is nothing to renew any more. */
  async run(key: { project: string; id: string }): Promise<void> {
    const certificate = await this.#certificates.find(key);
    if (certificate === undefined) return;
    const now = this.#clock.now().getTime();
    const left = certificate.notAfter.getTime() - now;
    const until = new Date(now + Math.min(Math.max(left / 8, HOUR_MS), 24 * HOUR_MS));
    await this.#certificates.postponeRenewal({ ...key, until });
  }
}
