import { type Clock, newId, type RandomBytes } from '@cert-tasks/kernel';
import { formatName, parseName } from '@cert-tasks/x509';
import {
  type ActiveAuthority,
  type Authority,
  authorityName,
  isActive,
  isKeyed,
  type KeyedAuthority,
} from '../domain/authority.ts';
import type { Certificate } from '../domain/certificate.ts';
import { authorityTbs, BACKDATE_MS, validity } from '../domain/certificate-template.ts';
import { crlShard } from '../domain/crl-shard.ts';
import { CertError } from '../domain/errors.ts';
import type { CertEvent, Origin } from '../domain/event.ts';
import { AUTHORITY_PROFILE } from '../domain/issuance-profile.ts';
import { serialFromBytes } from '../domain/serial.ts';
import { assertLintFree } from './assert-lint-free.ts';
import { assembleIssued, issuedEvent } from './complete-issuance.ts';
import { authorityNotFound } from './issue-certificate.ts';
import type { AuthorityStore } from './ports/authority-store.ts';
import type { CertificateStore } from './ports/certificate-store.ts';
import type { KeyRegistry } from './ports/key-registry.ts';
import type { SigningBackend } from './ports/signing-backend.ts';

/** What bringing an authority into being needs. */
export interface CompleteAuthorityDeps {
  readonly authorities: AuthorityStore;
  readonly certificates: CertificateStore;
  readonly keys: KeyRegistry;
  readonly signer: SigningBackend;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told where an authority has begun to issue: its first CRLs are due. */
  readonly onActivated: () => void;
}

/**
 * Takes an authority in creation to its end, from whatever step it stands at. Two that do it at once end with the same
 * authority.
 */
export class CompleteAuthority {
  readonly #deps: CompleteAuthorityDeps;

  constructor(deps: CompleteAuthorityDeps) {
    this.#deps = deps;
  }

  /** @throws CertError `signer-unavailable`, `issuance-refused`, `signature-invalid`, `authority-not-found`. */
  async run(input: { uid: string; origin: Origin }): Promise<ActiveAuthority> {
    // 1. The key; signer answers a repeat with the first.
    const keyed = await this.#withKey(input.uid);
    if (isActive(keyed)) return keyed;
    const issuer = await this.#issuer(keyed);

    // 2. The intent of its certificate, once.
    const certificate = await this.#withIntent({ authority: keyed, issuer });

    // 3. The signature by the issuer's key, or its own for a root.
    const signature = await this.#sign({ authority: keyed, issuer, certificate });

    // 4. Verified, then active with all that is told of it.
    const der = assembleIssued({ certificate, issuer: issuer ?? keyed, signature });
    const activated = await this.#deps.authorities.activate({
      authority: keyed,
      certificate,
      der,
      chain: [der, ...(issuer?.chain ?? [])],
      events: [createdEvent(keyed, input.origin), issuedEvent(certificate, input.origin)],
    });
    if (activated) this.#deps.onActivated();
    const active = await this.#require(input.uid);
    if (isActive(active)) return active;
    throw new CertError('signer-unavailable', `${authorityName(active)} is still being made.`, {
      advice: 'Repeat the call with the same request id.',
      retryAfterMs: 1000,
    });
  }

  async #withKey(uid: string): Promise<KeyedAuthority> {
    const authority = await this.#require(uid);
    if (isKeyed(authority)) return authority;
    const { spki } = await this.#deps.keys.createAuthorityKey({
      project: authority.project,
      keyId: `ca-${uid}`,
      algorithm: authority.keyAlgorithm,
      issuerName: authority.subjectDer,
      // What it certifies lives within its own life, which is counted from five minutes before.
      maxValidityMs: authority.lifetimeMs + BACKDATE_MS,
      maySignAuthorities: authority.type === 'root',
      requestId: uid,
    });
    await this.#deps.authorities.setKey({ uid, spki });
    return { ...authority, spki };
  }

  async #issuer(authority: Authority): Promise<ActiveAuthority | undefined> {
    if (authority.type === 'root') return undefined;
    const issuer = await this.#require(authority.issuerUid);
    if (isActive(issuer)) return issuer;
    throw new CertError('authority-not-active', `The issuer ${authorityName(issuer)} does not issue.`, {
      field: 'issuer',
    });
  }

  async #withIntent(input: { authority: KeyedAuthority; issuer: ActiveAuthority | undefined }): Promise<Certificate> {
    const { authority } = input;
    const standing = await this.#standingIntent(authority.uid);
    if (standing !== undefined) return standing;
    const intent = this.#draft(input);
    if (await this.#deps.authorities.recordCertificateIntent({ authority, intent })) return intent;
    const other = await this.#standingIntent(authority.uid);
    if (other !== undefined) return other;
    throw new CertError('request-in-progress', `${authorityName(authority)} is being made by another call.`, {
      retryAfterMs: 500,
    });
  }

  async #standingIntent(uid: string): Promise<Certificate | undefined> {
    const { project, certificateId } = await this.#require(uid);
    return certificateId === undefined ? undefined : this.#deps.certificates.find({ project, id: certificateId });
  }

  #draft(input: { authority: KeyedAuthority; issuer: ActiveAuthority | undefined }): Certificate {
    const { authority, issuer } = input;
    const now = this.#deps.clock.now();
    const serial = serialFromBytes(this.#deps.randomBytes(20));
    const { notBefore, notAfter } = validity({
      now,
      lifetimeMs: authority.lifetimeMs,
      issuerNotAfter: issuer?.notAfter,
    });
    const by = issuer ?? authority;
    const tbs = authorityTbs({ subject: authority, issuer, serial, notBefore, notAfter });
    assertLintFree(tbs);
    return {
      id: newId(this.#deps),
      project: authority.project,
      state: 'pending',
      authorityUid: by.uid,
      authorityId: by.id,
      profile: AUTHORITY_PROFILE,
      profileRevision: 1,
      serial,
      subject: subjectText(authority),
      names: { dnsNames: [], ipAddresses: [], uris: [], emailAddresses: [] },
      notBefore,
      notAfter,
      tbs,
      spki: authority.spki,
      der: undefined,
      crlShard: crlShard({ serial, shardCount: by.crlShardCount }),
      labels: {},
      // Rolling an authority over is a person's decision: its certificate is never due.
      renewal: { start: notAfter, end: notAfter },
      renewedFrom: undefined,
      replacedBy: undefined,
      revocation: undefined,
      createdAt: now,
      version: 1n,
    };
  }

  async #sign(input: {
    authority: KeyedAuthority;
    issuer: ActiveAuthority | undefined;
    certificate: Certificate;
  }): Promise<Uint8Array> {
    const { authority, certificate } = input;
    const { keyName } = input.issuer ?? authority;
    try {
      return await this.#deps.signer.sign({
        intentId: certificate.id,
        keyName,
        kind: 'certificate',
        tbs: certificate.tbs,
      });
    } catch (error) {
      if (!(error instanceof CertError) || error.code !== 'issuance-refused') throw error;
      // Refused for good, most often because too much time has passed since it was drafted: void it there, then unlink
      // it here, and the next run drafts anew.
      const resolution = await this.#deps.signer.resolve({ intentId: certificate.id, keyName });
      if (resolution.outcome === 'signed') return resolution.signature;
      await this.#deps.authorities.dropCertificateIntent({ authority, certificate });
      throw error;
    }
  }

  async #require(uid: string): Promise<Authority> {
    const authority = await this.#deps.authorities.findByUid(uid);
    if (authority !== undefined) return authority;
    throw authorityNotFound({ project: '', id: uid, field: 'name' });
  }
}

function subjectText(authority: Authority): string {
  return formatName(parseName(authority.subjectDer));
}

function createdEvent(authority: KeyedAuthority, origin: Origin): CertEvent {
  return {
    type: 'authority.created',
    subject: authorityName(authority),
    project: authority.project,
    origin,
    result: 'success',
    reason: '',
    data: {
      uid: authority.uid,
      type: authority.type,
      key: authority.keyName,
      ...(authority.issuerId === ''
        ? {}
        : { issuer: authorityName({ project: authority.project, id: authority.issuerId }) }),
    },
  };
}
