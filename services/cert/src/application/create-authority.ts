import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import { X509Error } from '@cert-tasks/x509';
import { type ActiveAuthority, type Authority, authorityName, type KeyAlgorithm } from '../domain/authority.ts';
import { buildDistinguishedName } from '../domain/certificate-template.ts';
import type { DistinguishedName } from '../domain/distinguished-name.ts';
import { CertError } from '../domain/errors.ts';
import type { Origin } from '../domain/event.ts';
import type { CompleteAuthority } from './complete-authority.ts';
import { authorityNotFound, requireIssuing } from './issue-certificate.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { RequestClaim } from './ports/certificate-store.ts';

/** An authority asked for. */
export interface CreateAuthorityInput {
  readonly project: string;
  readonly id: string;
  readonly type: 'root' | 'subordinate';
  readonly subject: DistinguishedName;
  /** The issuer's id in the project; undefined for a root. */
  readonly issuerId: string | undefined;
  readonly keyAlgorithm: KeyAlgorithm;
  readonly lifetimeMs: number | undefined;
  readonly crlShardCount: number;
  readonly claim: RequestClaim | undefined;
  readonly validateOnly: boolean;
  readonly origin: Origin;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_LIFETIME_MS = { root: 3650 * DAY_MS, subordinate: 1825 * DAY_MS };

/**
 * Makes an authority: the row, then its key in signer, then its certificate. Each later step can be taken up again by
 * anybody.
 */
export class CreateAuthority {
  readonly #authorities: AuthorityStore;
  readonly #complete: CompleteAuthority;
  readonly #clock: Clock;
  readonly #randomBytes: RandomBytes;
  readonly #pkiBaseUrl: string;

  constructor(deps: {
    readonly authorities: AuthorityStore;
    readonly complete: CompleteAuthority;
    readonly clock: Clock;
    readonly randomBytes: RandomBytes;
    /** The base of the URLs in what it will issue. */
    readonly pkiBaseUrl: string;
  }) {
    this.#authorities = deps.authorities;
    this.#complete = deps.complete;
    this.#clock = deps.clock;
    this.#randomBytes = deps.randomBytes;
    this.#pkiBaseUrl = deps.pkiBaseUrl;
  }

  /** @throws CertError as the contract of CreateAuthority lists. */
  async run(input: CreateAuthorityInput): Promise<Authority> {
    // 1. All that can be refused without a trace.
    const issuer = await this.#issuer(input);
    const authority = this.#draft(input, issuer);
    if (input.validateOnly) {
      if ((await this.#authorities.find(input)) !== undefined) throw authorityExists(input);
      return authority;
    }

    // 2. The row and the claim; from here on a repeat, or the recovery loop, goes on where this call stops.
    const recorded = await this.#authorities.record(authority, { claim: input.claim });
    if (recorded.outcome === 'exists') throw authorityExists(input);
    const uid = recorded.outcome === 'replay' ? recorded.uid : authority.uid;

    // 3. Key and certificate.
    return this.#complete.run({ uid, origin: input.origin });
  }

  async #issuer(input: CreateAuthorityInput): Promise<ActiveAuthority | undefined> {
    const { project, type, issuerId } = input;
    if (type === 'root') {
      if (issuerId === undefined) return undefined;
      throw new CertError('issuer-not-allowed', 'A root has no issuer.', {
        field: 'issuer',
        advice: 'Leave it empty, or ask for a subordinate.',
      });
    }
    if (issuerId === undefined) {
      throw new CertError('issuer-not-allowed', 'A subordinate needs an issuer.', {
        field: 'issuer',
        advice: 'Name the root that is to certify it.',
      });
    }
    const found = await this.#authorities.find({ project, id: issuerId });
    if (found === undefined) throw authorityNotFound({ project, id: issuerId, field: 'issuer' });
    if (found.type !== 'root') {
      throw new CertError(
        'issuer-not-allowed',
        `Authority ${issuerId} may not certify authorities: its path length is 0.`,
        {
          field: 'issuer',
          advice: 'Name a root.',
        },
      );
    }
    return requireIssuing(found, { field: 'issuer', now: this.#clock.now() });
  }

  #draft(input: CreateAuthorityInput, issuer: ActiveAuthority | undefined): Authority {
    const uid = newId({ clock: this.#clock, randomBytes: this.#randomBytes });
    const now = this.#clock.now();
    return {
      uid,
      project: input.project,
      id: input.id,
      type: input.type,
      state: 'creating',
      subject: input.subject,
      subjectDer: subjectDer(input.subject),
      issuerUid: issuer?.uid ?? uid,
      issuerId: issuer?.id ?? '',
      keyName: `projects/${input.project}/keys/ca-${uid}`,
      keyAlgorithm: input.keyAlgorithm,
      spki: undefined,
      certificateId: undefined,
      certificate: undefined,
      chain: [],
      lifetimeMs: checkLifetime({ lifetimeMs: input.lifetimeMs ?? DEFAULT_LIFETIME_MS[input.type], issuer, now }),
      notBefore: undefined,
      notAfter: undefined,
      crlShardCount: input.crlShardCount,
      pkiBaseUrl: this.#pkiBaseUrl,
      createdAt: now,
      version: 1n,
    };
  }
}

function authorityExists({ project, id }: { project: string; id: string }): CertError {
  return new CertError('authority-exists', `Project ${project} has an authority ${id} already.`, {
    field: 'authority_id',
    advice: 'Choose another id, or repeat the call that made it with its own request id.',
  });
}

function subjectDer(subject: DistinguishedName): Uint8Array {
  if (subject.commonName === '')
    throw new CertError('subject-not-allowed', 'An authority needs a common name.', { field: 'subject.common_name' });
  try {
    return buildDistinguishedName(subject).der;
  } catch (cause) {
    if (!(cause instanceof X509Error)) throw cause;
    throw new CertError('subject-not-allowed', `The subject cannot be written: ${cause.message}.`, {
      field: 'subject',
      cause,
    });
  }
}

function checkLifetime(input: { lifetimeMs: number; issuer: ActiveAuthority | undefined; now: Date }): number {
  const { lifetimeMs, issuer, now } = input;
  if (issuer !== undefined && now.getTime() + lifetimeMs > issuer.notAfter.getTime()) {
    throw new CertError(
      'lifetime-not-allowed',
      `It would outlive its issuer ${authorityName(issuer)}, valid until ${issuer.notAfter.toISOString()}.`,
      {
        field: 'lifetime',
        advice: 'Ask for less.',
      },
    );
  }
  return lifetimeMs;
}
