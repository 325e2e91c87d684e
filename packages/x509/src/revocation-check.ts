import { type Certificate, verifyCertificateSignature } from './certificate.ts';
import { type CertificateList, verifyCertificateListSignature } from './certificate-list.ts';
import { ALL_REASONS, isDeltaOf, scopeOf } from './crl-scope.ts';
import type { DistributionPoint, ReasonFlag } from './distribution-point.ts';
import { CRL_LINT_RULES } from './lint-crl.ts';
import type { Name } from './name.ts';
import { sameName } from './name-comparison.ts';
import { isIssuedBy, type OcspDigest, type OcspIssuerId, ocspIssuerId } from './ocsp-cert-id.ts';
import {
  type BasicOcspResponse,
  type OcspSingleResponse,
  ocspCertificates,
  verifyOcspResponseSignature,
} from './ocsp-response.ts';
import { equalOctets } from './octets.ts';
import { OID } from './oid.ts';
import { checkCertificateAlone } from './path-certificate.ts';
import { PATH_POLICIES } from './path-policy.ts';
import type { RevocationEvidence, RevocationSource, RevocationStatus } from './revocation-evidence.ts';
import { REVOCATION_LIMITS, type RevocationInput, type RevocationLimits } from './revocation-policy.ts';
import type { RevokedCertificate } from './tbs-cert-list.ts';
import { X509Error } from './x509-error.ts';

/** Most reasons kept for one certificate of unknown state. */
const MAX_DETAILS = 20;

/** Who may have signed a CRL, and how such a certificate is itself validated. */
export interface CrlSignerSource {
  /** Certificates of a name that were given with the path, in order of promise. */
  candidates(name: Name): readonly Certificate[];
  /** A path from a certificate to the same anchor (RFC 5280 section 6.3.3 f), leaf first; undefined where there is none. */
  pathTo(certificate: Certificate, anchor: Certificate): readonly Certificate[] | undefined;
}

/** What is being asked, and what is being asked already: an answer must not rest on itself. */
interface Question {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly anchor: Certificate;
  readonly pending: readonly Certificate[];
}

/** A state found before. CRL signers hang on the anchor, so it is part of the question. */
interface Answer {
  readonly issuer: Certificate;
  readonly anchor: Certificate;
  readonly status: RevocationStatus;
}

function isSameQuestion(answer: Answer, question: Question): boolean {
  return answer.issuer === question.issuer && answer.anchor === question.anchor;
}

/**
 * Revocation status of certificates from CRLs (RFC 5280 section 6.3) and OCSP responses (RFC 6960 section 3.2) that were
 * given as data. A certificate is revoked where any valid source says so, good where its sources answer for all reasons,
 * else unknown.
 */
export class RevocationChecker {
  readonly #input: RevocationInput;
  readonly #limits: RevocationLimits;
  readonly #time: number;
  readonly #signers: CrlSignerSource;
  readonly #complete: readonly CertificateList[];
  readonly #deltas: readonly CertificateList[];
  readonly #responses: readonly BasicOcspResponse[];
  readonly #known = new Map<Certificate, readonly Answer[]>();
  readonly #crlSignatures = new Map<CertificateList, Map<Certificate, boolean>>();
  readonly #issuerIds = new Map<Certificate, Map<OcspDigest, OcspIssuerId>>();
  #signatureChecksLeft: number;

  /** @throws X509Error `invalid-argument` where more is given than the limits allow. */
  constructor(input: RevocationInput, time: number, signers: CrlSignerSource) {
    this.#input = input;
    this.#limits = input.limits ?? REVOCATION_LIMITS;
    this.#time = time;
    this.#signers = signers;
    this.#signatureChecksLeft = this.#limits.maxSignatureChecks;
    const { crls, ocspResponses } = input;
    if (crls.length > this.#limits.maxSources || ocspResponses.length > this.#limits.maxSources) {
      throw new X509Error('invalid-argument', `More than ${this.#limits.maxSources} CRLs or OCSP responses are given`);
    }
    const newestFirst = crls.toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
    this.#complete = newestFirst.filter((list) => !isDelta(list));
    this.#deltas = newestFirst.filter(isDelta);
    this.#responses = ocspResponses.flatMap((response) => (response.status === 'successful' ? [response.basic] : []));
  }

  /** State of each certificate of a path that the policy asks about. @param path Leaf first, anchor last. */
  check(path: readonly Certificate[]): readonly RevocationEvidence[] {
    const anchor = path[path.length - 1];
    const last = this.#input.policy.scope === 'leaf' ? 1 : path.length - 1;
    const evidence: RevocationEvidence[] = [];
    for (let index = 0; index < last; index++) {
      const [certificate, issuer] = [path[index], path[index + 1]];
      if (certificate === undefined || issuer === undefined || anchor === undefined) break;
      const status = this.#statusOf({ certificate, issuer, anchor, pending: [] });
      evidence.push({ certificateIndex: index, status });
    }
    return evidence;
  }

  #statusOf(question: Question): RevocationStatus {
    const { certificate, pending } = question;
    const known = (this.#known.get(certificate) ?? []).find((answer) => isSameQuestion(answer, question));
    if (known !== undefined) return known.status;
    if (pending.length >= this.#limits.maxDepth) return unknown(['the question is nested too deeply']);
    const inner = { ...question, pending: [...pending, certificate] };
    const status = combine(this.#ocspStatus(inner), () => this.#crlStatus(inner));
    // An answer found while others were pending may be unknown only because of them.
    if (status.kind !== 'unknown' || pending.length === 0) {
      const answers = this.#known.get(certificate) ?? [];
      this.#known.set(certificate, [...answers, { issuer: question.issuer, anchor: question.anchor, status }]);
    }
    return status;
  }

  // OCSP

  #ocspStatus(question: Question): RevocationStatus {
    const details: string[] = [];
    for (const { response, answer } of this.#answersFor(question)) {
      const result = attempt(() => this.#ocspSigner(response, answer, question));
      if (typeof result === 'string') {
        details.push(`OCSP response of ${answer.thisUpdate.toISOString()}: ${result}`);
        continue;
      }
      const source: RevocationSource = { kind: 'ocsp', response, answer, signer: result };
      const { status } = answer;
      if (status.kind === 'good') return { kind: 'good', sources: [source] };
      if (status.kind === 'revoked') return { ...status, source };
      details.push('the OCSP responder does not know the certificate');
    }
    return unknown(details);
  }

  /** Answers about the certificate, newest first. */
  #answersFor({ certificate, issuer }: Question): { response: BasicOcspResponse; answer: OcspSingleResponse }[] {
    return this.#responses
      .flatMap((response) => response.responses.map((answer) => ({ response, answer })))
      .filter(({ answer: { certId } }) => {
        if (certId.digest === undefined || certId.serialNumber !== certificate.serialNumber) return false;
        return isIssuedBy(certId, this.#issuerId(issuer, certId.digest));
      })
      .toSorted((a, b) => b.answer.thisUpdate.getTime() - a.answer.thisUpdate.getTime());
  }

  #issuerId(issuer: Certificate, digest: OcspDigest): OcspIssuerId {
    const ids = this.#issuerIds.get(issuer) ?? new Map<OcspDigest, OcspIssuerId>();
    this.#issuerIds.set(issuer, ids);
    const id = ids.get(digest) ?? ocspIssuerId({ name: issuer.subject, publicKey: issuer.publicKey }, digest);
    ids.set(digest, id);
    return id;
  }

  /** Whose key signed a response, where it may answer for the issuer; or why the response does not count. */
  #ocspSigner(response: BasicOcspResponse, answer: OcspSingleResponse, question: Question): Certificate | string {
    const { nonce } = this.#input.policy;
    if (nonce !== undefined && (response.nonce === undefined || !equalOctets(response.nonce, nonce)))
      return 'it does not carry the nonce that was sent';
    const untimely = this.#timeFault(answer) ?? this.#futureFault(response.producedAt);
    if (untimely !== undefined) return untimely;
    let detail = 'no certificate of its responder is there';
    for (const signer of [question.issuer, ...ocspCertificates(response)]) {
      if (!isResponder(response, signer)) continue;
      const fault = attempt(() => this.#responderFault(response, signer, question));
      if (fault === undefined) return signer;
      detail = fault;
    }
    return detail;
  }

  /** RFC 6960 section 4.2.2.2: the issuer itself, or one to whom it delegated by a certificate of its own. */
  #responderFault(response: BasicOcspResponse, signer: Certificate, question: Question): string | undefined {
    const { issuer } = question;
    const isIssuer = equalOctets(signer.spki, issuer.spki) && sameName(signer.subject, issuer.subject);
    if (!isIssuer) {
      const fault = this.#delegationFault(signer, question);
      if (fault !== undefined) return fault;
    }
    if (!this.#spendSignature()) return 'too many signatures were checked';
    return verifyOcspResponseSignature(response, signer.publicKey) ? undefined : 'its signature is wrong';
  }

  #delegationFault(responder: Certificate, question: Question): string | undefined {
    const { issuer } = question;
    if (!sameName(responder.issuer, issuer.subject)) return 'its responder is not certified by the issuer itself';
    if (!responder.extendedKeyUsage?.includes(OID.ocspSigning))
      return 'its responder is not certified for OCSP signing';
    const alone = checkCertificateAlone(responder, 'leaf', {
      time: this.#time,
      policy: PATH_POLICIES.pathOnly,
      purposes: [OID.ocspSigning],
      withRevocation: true,
    });
    if (alone !== undefined) return `its responder's certificate: ${alone.detail}`;
    const usage = responder.keyUsage;
    if (usage !== undefined && !usage.has('digitalSignature') && !usage.has('contentCommitment'))
      return "its responder's key usage does not have digitalSignature";
    if (!this.#spendSignature()) return 'too many signatures were checked';
    if (!verifyCertificateSignature(responder, issuer.publicKey))
      return 'its responder is not certified by the issuer itself';
    return responder.extension(OID.ocspNoCheck) === undefined
      ? this.#signerFault([responder, issuer], question)
      : undefined;
  }

  // CRLs

  #crlStatus(question: Question): RevocationStatus {
    const { certificate } = question;
    const points: (DistributionPoint | undefined)[] = [...(certificate.crlDistributionPoints ?? []), undefined];
    const sources: RevocationSource[] = [];
    const details: string[] = [];
    let covered: ReadonlySet<ReasonFlag> = new Set();
    for (const point of points) {
      for (const list of this.#complete) {
        if (covered.isSupersetOf(ALL_REASONS)) break;
        const result = attempt(() => this.#consult(list, point, { question, covered }));
        if (result === undefined) continue;
        if (typeof result === 'string') {
          if (details.length < MAX_DETAILS) details.push(`CRL of ${list.thisUpdate.toISOString()}: ${result}`);
          continue;
        }
        const { entry, source } = result;
        if (entry !== undefined)
          return { kind: 'revoked', revocationDate: entry.revocationDate, reason: entry.reason, source };
        covered = covered.union(result.reasons);
        sources.push(source);
      }
    }
    if (covered.isSupersetOf(ALL_REASONS)) return { kind: 'good', sources };
    if (sources.length > 0) details.push('the CRLs do not answer for all reasons');
    return unknown(details);
  }

  /** Asks one CRL, with the delta that goes with it; a text where it must not be used, undefined where it is not about this. */
  #consult(
    list: CertificateList,
    point: DistributionPoint | undefined,
    about: { question: Question; covered: ReadonlySet<ReasonFlag> },
  ): Consultation | string | undefined {
    const { certificate } = about.question;
    const scope = scopeOf(list, certificate, point);
    if (scope.kind === 'other') return sameName(list.issuer, certificate.issuer) ? scope.detail : undefined;
    if (about.covered.isSupersetOf(scope.reasons)) return undefined;
    const improper = this.#profileFault(list);
    if (improper !== undefined) return improper;
    if (list.hasCertificateIssuers && list.issuingDistributionPoint?.indirectCrl !== true)
      return 'its entries name issuers, and it does not say that it is indirect';
    const delta = this.#deltas.find(
      (candidate) => isDeltaOf(candidate, list) && this.#timeFault(candidate) === undefined,
    );
    const untimely = this.#timeFault(list);
    const freshened = delta !== undefined && (certificate.freshestCrl ?? list.freshestCrl) !== undefined;
    // RFC 5280 section 6.3.3 a 1 i: a delta that is up to date makes an older base so.
    if (untimely !== undefined && !(freshened && this.#futureFault(list.thisUpdate) === undefined)) return untimely;
    const signer = this.#crlSigner(list, about.question);
    if (typeof signer === 'string') return signer;
    const improperDelta = delta === undefined ? undefined : this.#profileFault(delta);
    if (improperDelta !== undefined) return `its delta CRL: ${improperDelta}`;
    if (delta !== undefined && !this.#isSignedBy(delta, signer)) return 'the signature of its delta CRL is wrong';
    const source: RevocationSource = { kind: 'crl', list, delta, signer };
    return { entry: findEntry(certificate, list, delta), source, reasons: scope.reasons };
  }

  #profileFault(list: CertificateList): string | undefined {
    for (const rule of this.#input.policy.crlRules) {
      const fault = CRL_LINT_RULES[rule].check(list);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Section 6.3.3 f and g: whose key signed a CRL, where it may; or why it does not count. */
  #crlSigner(list: CertificateList, question: Question): Certificate | string {
    const { issuer, anchor } = question;
    let detail = 'no certificate of its issuer is there';
    for (const signer of this.#crlSignerCandidates(list, issuer)) {
      if (signer.keyUsage !== undefined && !signer.keyUsage.has('cRLSign')) {
        detail = 'the key usage of its issuer does not have cRLSign';
      } else if (!this.#isSignedBy(list, signer)) {
        detail = this.#signatureChecksLeft < 0 ? 'too many signatures were checked' : 'its signature is wrong';
      } else if (signer === issuer) {
        return signer;
      } else {
        const path = this.#signers.pathTo(signer, anchor);
        const fault =
          path === undefined ? 'its issuer has no path to the same anchor' : this.#signerFault(path, question);
        if (fault === undefined) return signer;
        detail = fault;
      }
    }
    return detail;
  }

  #crlSignerCandidates(list: CertificateList, issuer: Certificate): readonly Certificate[] {
    const others = this.#signers.candidates(list.issuer).filter((other) => !equalOctets(other.der, issuer.der));
    return sameName(list.issuer, issuer.subject) ? [issuer, ...others] : others;
  }

  /** Whether one who signs a CRL or OCSP response is revoked itself. Where that rests on the question asked, it does not count. */
  #signerFault(path: readonly Certificate[], question: Question): string | undefined {
    for (let index = 0; index + 1 < path.length; index++) {
      const [certificate, issuer] = [path[index], path[index + 1]];
      if (certificate === undefined || issuer === undefined) break;
      if (question.pending.some((other) => equalOctets(other.der, certificate.der))) {
        if (this.#input.policy.signersMayVouchForThemselves) continue;
        return 'its signer is the certificate in question';
      }
      const status = this.#statusOf({ ...question, certificate, issuer });
      if (status.kind === 'revoked') return 'its signer is revoked';
      if (status.kind === 'unknown' && this.#input.policy.unknown === 'refuse')
        return `it is unknown whether its signer is revoked (${status.details[0] ?? 'nothing says so'})`;
    }
    return undefined;
  }

  #isSignedBy(list: CertificateList, signer: Certificate): boolean {
    const known = this.#crlSignatures.get(list) ?? new Map<Certificate, boolean>();
    this.#crlSignatures.set(list, known);
    const before = known.get(signer);
    if (before !== undefined) return before;
    if (!this.#spendSignature()) return false;
    const holds = verifyCertificateListSignature(list, signer.publicKey);
    known.set(signer, holds);
    return holds;
  }

  #spendSignature(): boolean {
    return --this.#signatureChecksLeft >= 0;
  }

  #timeFault(times: { readonly thisUpdate: Date; readonly nextUpdate: Date | undefined }): string | undefined {
    const { clockTolerance, maxAge } = this.#input.policy;
    const future = this.#futureFault(times.thisUpdate);
    if (future !== undefined) return future;
    if (maxAge !== undefined && this.#time - times.thisUpdate.getTime() > maxAge + clockTolerance)
      return 'it is too old';
    if (times.nextUpdate === undefined) return maxAge === undefined ? 'it does not say until when it holds' : undefined;
    return this.#time - clockTolerance > times.nextUpdate.getTime()
      ? `it held until ${times.nextUpdate.toISOString()}`
      : undefined;
  }

  #futureFault(moment: Date): string | undefined {
    return moment.getTime() > this.#time + this.#input.policy.clockTolerance
      ? `it is of the future, ${moment.toISOString()}`
      : undefined;
  }
}

interface Consultation {
  readonly entry: RevokedCertificate | undefined;
  readonly source: RevocationSource;
  readonly reasons: ReadonlySet<ReasonFlag>;
}

function isDelta(list: CertificateList): boolean {
  return list.extension(OID.deltaCRLIndicator) !== undefined;
}

/** Section 6.3.3 i to k: what the delta says counts first, and removeFromCRL there takes an entry of the base back. */
function findEntry(
  certificate: Certificate,
  list: CertificateList,
  delta: CertificateList | undefined,
): RevokedCertificate | undefined {
  const changed = delta?.findIssuedBy(certificate.issuer, certificate.serialNumber);
  if (changed !== undefined) return changed.reason === 'removeFromCRL' ? undefined : changed;
  return list.findIssuedBy(certificate.issuer, certificate.serialNumber);
}

function isResponder({ responderId }: BasicOcspResponse, certificate: Certificate): boolean {
  if (responderId.kind === 'name') return sameName(responderId.name, certificate.subject);
  const keyId = attempt(() => certificate.publicKey.keyId());
  return typeof keyId !== 'string' && equalOctets(keyId, responderId.keyHash);
}

function combine(ocsp: RevocationStatus, crl: () => RevocationStatus): RevocationStatus {
  if (ocsp.kind === 'revoked') return ocsp;
  const other = crl();
  if (other.kind === 'revoked' || ocsp.kind === 'unknown') {
    return other.kind === 'unknown' && ocsp.kind === 'unknown' ? unknown([...ocsp.details, ...other.details]) : other;
  }
  return other.kind === 'good' ? { kind: 'good', sources: [...ocsp.sources, ...other.sources] } : ocsp;
}

function unknown(details: readonly string[]): RevocationStatus {
  return { kind: 'unknown', details };
}

/** What an act gives, or the message of the X509Error that it throws: what a source says never ends a validation. */
function attempt<T>(act: () => T): T | string {
  try {
    return act();
  } catch (error) {
    if (error instanceof X509Error) return error.message;
    throw error;
  }
}
