import type { ActiveAuthority } from '../domain/authority.ts';
import { type Certificate, certificateName } from '../domain/certificate.ts';
import type { CertErrorCode } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import type { CompleteIssuance } from './complete-issuance.ts';
import type { CertificateStore } from './ports/certificate-store.ts';
import type { SigningBackend } from './ports/signing-backend.ts';

/**
 * Ends a pending intent whose fate is not known here. Signer decides: where it holds a signature, issuance goes on;
 * otherwise it voids the
 * intent for good, and only then it is failed here. The order matters: failed first would leave a signature without its
 * certificate.
 */
export class ResolveIntent {
  readonly #certificates: CertificateStore;
  readonly #signer: SigningBackend;
  readonly #complete: CompleteIssuance;
  readonly #onResolved: () => void;

  constructor(deps: {
    readonly certificates: CertificateStore;
    readonly signer: SigningBackend;
    readonly complete: CompleteIssuance;
    /** Called between signer's answer and what is made of it here. */
    readonly onResolved: () => void;
  }) {
    this.#certificates = deps.certificates;
    this.#signer = deps.signer;
    this.#complete = deps.complete;
    this.#onResolved = deps.onResolved;
  }

  /** @throws CertError `signer-unavailable`, `signature-invalid`. */
  async run(input: {
    certificate: Certificate;
    issuer: ActiveAuthority;
    origin: Origin;
    /** Why it was given up, for the event. */
    reason: CertErrorCode;
  }): Promise<'issued' | 'failed'> {
    const { certificate, issuer, origin } = input;
    const resolution = await this.#signer.resolve({ intentId: certificate.id, keyName: issuer.keyName });
    this.#onResolved();
    if (resolution.outcome === 'signed') {
      await this.#complete.run({ certificate, issuer, signature: resolution.signature, origin });
      return 'issued';
    }
    await this.#certificates.markFailed({
      certificate,
      event: {
        type: 'certificate.failed',
        subject: certificateName(certificate),
        project: certificate.project,
        origin,
        result: 'failure',
        reason: input.reason.replaceAll('-', '_').toUpperCase(),
        data: {
          authority: `projects/${certificate.project}/authorities/${certificate.authorityId}`,
          profile: certificate.profile,
        },
      },
    });
    return 'failed';
  }
}
