import { failpoint } from '@cert-tasks/failpoint';
import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import {
  assembleCertificateList,
  equalOctets,
  parseCertificateList,
  verifyCertificateListSignature,
} from '@cert-tasks/x509';
import { type ActiveAuthority, authorityKey, authorityName, isActive } from '../domain/authority.ts';
import { BACKDATE_MS, crlTbs, signatureAlgorithm } from '../domain/certificate-template.ts';
import { CertError } from '../domain/errors.ts';
import { loopOrigin } from '../domain/event.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { CrlStore, DueShard, ShardContent, StoredCrl } from './ports/crl-store.ts';
import type { IntentResolution, SigningBackend } from './ports/signing-backend.ts';

/** What publishing needs. */
export interface PublishCrlDeps {
  readonly authorities: AuthorityStore;
  readonly crls: CrlStore;
  readonly signer: SigningBackend;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** From thisUpdate to nextUpdate, in ms; a new one is made after a quarter of it. */
  readonly validityMs: number;
  /** Told of each CRL that is served from now on. */
  readonly onPublished: (shard: DueShard) => void;
}

/** Makes and publishes the CRL of one shard (docs/flows/revocation.md). Run by one leader at a time. */
export class PublishCrl {
  readonly #deps: PublishCrlDeps;

  constructor(deps: PublishCrlDeps) {
    this.#deps = deps;
  }

  /**
   * @returns whether a CRL was published. @throws CertError `signer-unavailable`, `issuance-refused`,
   * `signature-invalid`.
   */
  async run(shard: DueShard): Promise<boolean> {
    const issuer = await this.#deps.authorities.findByUid(shard.authorityUid);
    if (issuer === undefined || !isActive(issuer)) return false;

    // 1. A CRL that was begun is ended first: its number is taken, and signer may hold its signature.
    const begun = await this.#deps.crls.findPending(shard);
    if (begun !== undefined) return this.#resolve({ crl: begun, issuer });

    // 2. The intent: number, revision and exact bytes from one snapshot.
    const crl = await this.#deps.crls.recordIntent({
      shard,
      build: (content) => this.#build({ shard, issuer, content }),
    });
    failpoint('cert.crl.after-intent');

    // 3. The signature, the check of what it makes, the release.
    const signature = await this.#deps.signer.sign({
      intentId: crl.id,
      keyName: issuer.keyName,
      kind: 'crl',
      tbs: crl.tbs,
    });
    failpoint('cert.crl.after-sign');
    return this.#publish({ crl, issuer, signature });
  }

  async #resolve(input: { crl: StoredCrl; issuer: ActiveAuthority }): Promise<boolean> {
    const { crl, issuer } = input;
    const resolution: IntentResolution = await this.#deps.signer.resolve({ intentId: crl.id, keyName: issuer.keyName });
    if (resolution.outcome === 'signed') return this.#publish({ crl, issuer, signature: resolution.signature });
    await this.#deps.crls.fail(crl);
    return false;
  }

  #build(input: { shard: DueShard; issuer: ActiveAuthority; content: ShardContent }): StoredCrl {
    const { shard, issuer, content } = input;
    const now = Math.floor(this.#deps.clock.now().getTime() / 1000) * 1000;
    const thisUpdate = new Date(now - BACKDATE_MS);
    const nextUpdate = new Date(now + this.#deps.validityMs);
    return {
      id: newId(this.#deps),
      ...shard,
      number: content.number,
      state: 'pending',
      tbs: crlTbs({
        issuer,
        shard: shard.shard,
        number: content.number,
        thisUpdate,
        nextUpdate,
        entries: content.entries,
      }),
      der: undefined,
      thisUpdate,
      nextUpdate,
      revision: content.revision,
    };
  }

  async #publish(input: { crl: StoredCrl; issuer: ActiveAuthority; signature: Uint8Array }): Promise<boolean> {
    const { crl, issuer, signature } = input;
    const der = assembleCertificateList({
      tbs: crl.tbs,
      signatureAlgorithm: signatureAlgorithm(issuer.keyAlgorithm),
      signature,
    });
    const parsed = parseCertificateList(der);
    if (!equalOctets(parsed.tbs, crl.tbs) || !verifyCertificateListSignature(parsed, authorityKey(issuer))) {
      throw new CertError(
        'signature-invalid',
        `The signature of CRL ${crl.number} of ${authorityName(issuer)} does not verify.`,
        {
          advice: 'Run fsck; the signing key or the stored intent has been tampered with.',
        },
      );
    }
    const published = await this.#deps.crls.publish({
      crl,
      der,
      dueAt: new Date(this.#deps.clock.now().getTime() + this.#deps.validityMs / 4),
      event: {
        type: 'crl.published',
        subject: authorityName(issuer),
        project: issuer.project,
        origin: loopOrigin('publish-crl'),
        result: 'success',
        reason: '',
        data: { crlNumber: crl.number.toString(), shard: crl.shard, nextUpdate: crl.nextUpdate.toISOString() },
      },
    });
    failpoint('cert.crl.after-commit');
    if (published) this.#deps.onPublished(crl);
    return published;
  }
}
