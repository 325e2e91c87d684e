import { type Certificate, verifyCertificateSignature } from './certificate.ts';
import { checkNameConstraints } from './constrained-name.ts';
import type { GeneralName } from './general-name.ts';
import type { Name } from './name.ts';
import { nameKey, sameName } from './name-comparison.ts';
import { formatName } from './name-string.ts';
import { equalOctets } from './octets.ts';
import {
  type Breach,
  breachOf,
  type CertificateQuestion,
  checkCertificateAlone,
  checkIssuerRights,
  isSelfIssued,
  namesUnderConstraints,
} from './path-certificate.ts';
import { PATH_POLICIES, type PathPolicy } from './path-policy.ts';
import type { PathFailure, PathRule, PathVerdict } from './path-verdict.ts';
import { matchesPeerName, type PeerName } from './peer-name.ts';
import { ANY_POLICY_QUESTION, type PathPolicies, type PolicyQuestion, processPolicies } from './policy-graph.ts';
import type { PathRole } from './profile-rule.ts';
import { RevocationChecker } from './revocation-check.ts';
import type { RevocationEvidence, RevocationStatus } from './revocation-evidence.ts';
import type { RevocationInput } from './revocation-policy.ts';
import type { SignatureMemo } from './signature-memo.ts';
import { X509Error } from './x509-error.ts';

/** Bounds of one validation. */
export interface PathLimits {
  /** Most certificates between leaf and anchor. */
  readonly maxIntermediates: number;
  /** Most signatures checked; one per pair of certificates, however many paths share it. */
  readonly maxSignatureChecks: number;
  /** Most issuer candidates looked at over all paths. */
  readonly maxCandidates: number;
  /** Most comparisons of a name with a constraint. */
  readonly maxNameComparisons: number;
  /** Most failures reported. */
  readonly maxFailures: number;
}

/** 8 intermediates, 64 signatures, 1,000 candidates, 250,000 name comparisons, 100 failures. */
export const PATH_LIMITS: PathLimits = {
  maxIntermediates: 8,
  maxSignatureChecks: 64,
  maxCandidates: 1000,
  maxNameComparisons: 250_000,
  maxFailures: 100,
};

/** Most characters of a name in a failure. */
const MAX_REPORTED_NAME = 256;

/** Most certificates given in one validation. */
const MAX_GIVEN_CERTIFICATES = 1000;

/** What is to be validated. */
export interface PathInput {
  readonly leaf: Certificate;
  /** Certificates that may stand between leaf and anchor, in any order; unneeded ones do no harm. */
  readonly intermediates: readonly Certificate[];
  /** Certificates trusted as roots. Their signature is not looked at; their validity, extensions and constraints are. */
  readonly trustAnchors: readonly Certificate[];
  readonly time: Date;
  readonly policy: PathPolicy;
  /** Key purposes in dotted decimal that the leaf must have and no CA above may rule out; empty for any use. */
  readonly purposes: readonly string[];
  /** Whom the leaf must be for; left out where names are the caller's business. */
  readonly peerName?: PeerName;
  /** What is asked of certificate policies; any policy, and none needed, where left out. */
  readonly policies?: PolicyQuestion;
  /** What is known about revocation, and how it is judged; not looked at where left out. */
  readonly revocation?: RevocationInput;
  /** Signatures found to hold before; kept by the caller over many validations. None where left out. */
  readonly signatureMemo?: SignatureMemo;
  /** `PATH_LIMITS` where left out. */
  readonly limits?: PathLimits;
}

/**
 * Looks for a path from the leaf to a trust anchor that holds under RFC 5280 section 6 and the policy.
 *
 * The search goes from the leaf upwards, depth first, anchors and matching key identifiers first; each rule is checked as
 * soon as a certificate joins the path, signatures last. Anchors are constrained by their own extensions, as RFC 5937
 * allows. A leaf that is itself an anchor has no path. Certificate policies and revocation are checked on each path that holds
 * so far; where they refuse it, the search goes on.
 * A leaf that is not for the peer's name is reported, and the search goes on, so that the failures tell a wrong name from a
 * wrong path.
 * @throws X509Error `invalid-argument` for an invalid time or more than 1,000 certificates; what certificates say never
 * throws.
 */
export function validatePath(input: PathInput): PathVerdict {
  const search = new PathSearch(input);
  return search.run();
}

/** One certificate of a path being built. */
interface Step {
  readonly certificate: Certificate;
  readonly names: readonly GeneralName[];
}

/** A path that holds, and what was found about it as a whole. */
interface Conclusion {
  readonly path: readonly Certificate[];
  readonly policies: PathPolicies;
  readonly revocation: readonly RevocationEvidence[];
}

/** What the search for a CRL signer's path came to. */
interface SignerPath {
  readonly path: readonly Certificate[] | undefined;
}

/** One candidate issuer, with what its lone check came to, made at first need. */
interface Candidate {
  readonly certificate: Certificate;
  readonly role: PathRole;
  alone?: { readonly breach: Breach | undefined };
}

class PathSearch {
  readonly #input: PathInput;
  readonly #limits: PathLimits;
  readonly #question: CertificateQuestion;
  readonly #candidates = new Map<string, Candidate[]>();
  readonly #signatures = new Map<Certificate, Map<Certificate, Breach | undefined>>();
  readonly #failures: PathFailure[] = [];
  readonly #texts = new Map<Name, string>();
  /** By anchor, then by signer. */
  readonly #signerPaths = new Map<Certificate, Map<Certificate, SignerPath>>();
  readonly #revocation: RevocationChecker | undefined;
  #signatureChecksLeft: number;
  #candidatesLeft: number;
  #comparisonsLeft: number;

  constructor(input: PathInput) {
    const time = input.time.getTime();
    if (Number.isNaN(time)) throw new X509Error('invalid-argument', 'The time of validation is not a valid Date');
    if (input.intermediates.length + input.trustAnchors.length > MAX_GIVEN_CERTIFICATES) {
      throw new X509Error('invalid-argument', `More than ${MAX_GIVEN_CERTIFICATES} certificates are given`);
    }
    this.#input = input;
    this.#limits = input.limits ?? PATH_LIMITS;
    const withRevocation = input.revocation !== undefined;
    this.#question = { time, policy: input.policy, purposes: input.purposes, withRevocation };
    this.#signatureChecksLeft = this.#limits.maxSignatureChecks;
    this.#candidatesLeft = this.#limits.maxCandidates;
    this.#comparisonsLeft = this.#limits.maxNameComparisons;
    if (input.revocation !== undefined) {
      this.#revocation = new RevocationChecker(input.revocation, time, {
        candidates: (name) => (this.#candidates.get(nameKey(name)) ?? []).map(({ certificate }) => certificate),
        pathTo: (signer, anchor) => this.#pathToSigner(signer, anchor),
      });
    }
    // Anchors first: where a certificate is given as both, it is an anchor.
    for (const certificate of input.trustAnchors) this.#addCandidate(certificate, 'anchor');
    for (const certificate of input.intermediates) this.#addCandidate(certificate, 'intermediate');
  }

  run(): PathVerdict {
    const { leaf } = this.#input;
    const breach = checkCertificateAlone(leaf, 'leaf', this.#question);
    if (breach !== undefined) {
      this.#report([{ certificate: leaf, names: [] }], breach);
      return { ok: false, failures: this.#failures };
    }
    const first = [{ certificate: leaf, names: namesUnderConstraints(leaf, 'leaf') }];
    const misnamed = this.#checkPeerName();
    if (misnamed !== undefined) this.#report(first, misnamed);
    const conclusion = this.#extend(first);
    if (conclusion === undefined || misnamed !== undefined) return { ok: false, failures: this.#failures };
    return { ok: true, ...conclusion, tried: this.#failures };
  }

  #addCandidate(certificate: Certificate, role: PathRole): void {
    const key = nameKey(certificate.subject);
    const sameSubject = this.#candidates.get(key) ?? [];
    if (sameSubject.some((known) => equalOctets(known.certificate.der, certificate.der))) return;
    sameSubject.push({ certificate, role });
    this.#candidates.set(key, sameSubject);
  }

  #checkPeerName(): Breach | undefined {
    const { leaf, peerName } = this.#input;
    try {
      if (peerName === undefined || matchesPeerName(leaf, peerName)) return undefined;
    } catch (error) {
      return breachOf(error, 'peer-name');
    }
    return { rule: 'peer-name', detail: `the certificate is not for ${peerName.kind}:${peerName.value}` };
  }

  /** Finishes a path that holds so far, or gives undefined with the reasons in the failures. */
  #extend(steps: readonly Step[]): Conclusion | undefined {
    const top = steps[steps.length - 1]?.certificate ?? this.#input.leaf;
    const issuers = this.#issuersOf(top).filter((candidate) => !isInPath(steps, candidate.certificate));
    if (issuers.length === 0) {
      const detail = `no certificate of ${this.#text(top.issuer)} is given that is not in the path already`;
      this.#report(steps, { rule: 'no-issuer', detail });
    }
    for (const candidate of issuers) {
      if (this.#candidatesLeft === 0) {
        this.#report(steps, { rule: 'work-limit', detail: `more than ${this.#limits.maxCandidates} candidates` });
        return undefined;
      }
      this.#candidatesLeft--;
      const conclusion = this.#try(steps, candidate);
      if (conclusion !== undefined) return conclusion;
      if (this.#isOutOfWork) return undefined;
    }
    return undefined;
  }

  #try(steps: readonly Step[], candidate: Candidate): Conclusion | undefined {
    const { certificate, role } = candidate;
    const next: Step[] = [...steps, { certificate, names: role === 'anchor' ? [] : namesSafely(certificate) }];
    const breach = this.#checkStep(steps, candidate);
    if (breach !== undefined) {
      this.#report(next, breach);
      return undefined;
    }
    return role === 'anchor' ? this.#conclude(next) : this.#extend(next);
  }

  /** What concerns a path as a whole: policies (RFC 5280 section 6.1.3 d to f), then revocation (section 6.3). */
  #conclude(steps: readonly Step[]): Conclusion | undefined {
    const path = steps.map((step) => step.certificate);
    const outcome = processPolicies(path, this.#input.policies ?? ANY_POLICY_QUESTION);
    if (!outcome.ok) {
      this.#report(steps, { rule: 'certificate-policies', detail: outcome.detail }, { index: outcome.index });
      return undefined;
    }
    const revocation = this.#revocation?.check(path) ?? [];
    for (const { certificateIndex, status } of revocation) {
      const breach = revocationBreach(status, this.#input.revocation?.policy.unknown ?? 'refuse');
      if (breach === undefined) continue;
      this.#report(steps, breach, { index: certificateIndex, revocation: status });
      return undefined;
    }
    return { path, policies: outcome.policies, revocation };
  }

  /** A path for one who signs CRLs, to the anchor of the path in question (RFC 5280 section 6.3.3 f). */
  #pathToSigner(signer: Certificate, anchor: Certificate): readonly Certificate[] | undefined {
    if (equalOctets(signer.der, anchor.der)) return [anchor];
    const ofAnchor = this.#signerPaths.get(anchor) ?? new Map<Certificate, SignerPath>();
    this.#signerPaths.set(anchor, ofAnchor);
    const known = ofAnchor.get(signer);
    if (known !== undefined) return known.path;
    const verdict = validatePath({
      leaf: signer,
      intermediates: this.#input.intermediates,
      trustAnchors: [anchor],
      time: this.#input.time,
      policy: PATH_POLICIES.pathOnly,
      purposes: [],
      limits: this.#limits,
    });
    const path = verdict.ok ? verdict.path : undefined;
    ofAnchor.set(signer, { path });
    return path;
  }

  /** All that a candidate must be to stand above the steps below; cheapest first, the signature last. */
  #checkStep(below: readonly Step[], candidate: Candidate): Breach | undefined {
    const { certificate, role } = candidate;
    const intermediates = below.slice(1);
    if (role !== 'anchor' && intermediates.length >= this.#limits.maxIntermediates) {
      return { rule: 'depth-limit', detail: `more than ${this.#limits.maxIntermediates} intermediates` };
    }
    candidate.alone ??= { breach: checkCertificateAlone(certificate, role, this.#question) };
    const counted = intermediates.filter((step) => !isSelfIssued(step.certificate)).length;
    return (
      candidate.alone.breach ??
      checkIssuerRights(certificate, counted) ??
      this.#checkConstraints(below, certificate) ??
      this.#checkSignature(below[below.length - 1]?.certificate ?? certificate, certificate)
    );
  }

  #checkConstraints(below: readonly Step[], certificate: Certificate): Breach | undefined {
    const constraints = certificate.nameConstraints;
    if (constraints === undefined) return undefined;
    const budget = { spend: (amount: number): boolean => this.#spendComparisons(amount) };
    for (const step of below) {
      const result = checkNameConstraints(step.names, constraints, budget);
      if (result.kind === 'out-of-work') {
        return { rule: 'work-limit', detail: `more than ${this.#limits.maxNameComparisons} name comparisons` };
      }
      if (result.kind === 'refused') return { rule: 'name-constraints', detail: result.detail };
    }
    return undefined;
  }

  #spendComparisons(amount: number): boolean {
    this.#comparisonsLeft -= amount;
    return this.#comparisonsLeft >= 0;
  }

  get #isOutOfWork(): boolean {
    return this.#signatureChecksLeft < 0 || this.#comparisonsLeft < 0;
  }

  #checkSignature(subject: Certificate, issuer: Certificate): Breach | undefined {
    const known = this.#signatures.get(subject) ?? new Map<Certificate, Breach | undefined>();
    this.#signatures.set(subject, known);
    if (known.has(issuer)) return known.get(issuer);
    const memo = this.#input.signatureMemo;
    if (memo?.has(subject.der, issuer.spki)) return undefined;
    if (--this.#signatureChecksLeft < 0) {
      return { rule: 'work-limit', detail: `more than ${this.#limits.maxSignatureChecks} signatures` };
    }
    const breach = signatureBreach(subject, issuer);
    known.set(issuer, breach);
    if (breach === undefined) memo?.add(subject.der, issuer.spki);
    return breach;
  }

  /** Candidates by name, most promising first; a stable sort keeps the caller's order among equals. */
  #issuersOf(certificate: Certificate): readonly Candidate[] {
    const candidates = this.#candidates.get(nameKey(certificate.issuer)) ?? [];
    return candidates.toSorted((a, b) => promise(b, certificate) - promise(a, certificate));
  }

  #report(steps: readonly Step[], breach: Breach, at: { index?: number; revocation?: RevocationStatus } = {}): void {
    if (this.#failures.length >= this.#limits.maxFailures) return;
    const path = steps.map((step) => this.#text(step.certificate.subject));
    const certificateIndex = at.index ?? path.length - 1;
    const revocation = at.revocation === undefined ? {} : { revocation: at.revocation };
    this.#failures.push({ ...breach, certificateIndex, subject: path[certificateIndex] ?? '', path, ...revocation });
  }

  /** RFC 4514 text of a name, cut where a hostile name would fill the report. */
  #text(name: Name): string {
    const known = this.#texts.get(name) ?? formatName(name).slice(0, MAX_REPORTED_NAME);
    this.#texts.set(name, known);
    return known;
  }
}

/** RFC 4158 section 5.2: a certificate, or another one of the same name and key, stands in a path once. */
function isInPath(steps: readonly Step[], certificate: Certificate): boolean {
  return steps.some(
    (step) =>
      equalOctets(step.certificate.der, certificate.der) ||
      (equalOctets(step.certificate.spki, certificate.spki) && sameName(step.certificate.subject, certificate.subject)),
  );
}

function namesSafely(certificate: Certificate): readonly GeneralName[] {
  try {
    return namesUnderConstraints(certificate, 'intermediate');
  } catch (error) {
    // The lone check of this certificate reports it; here it only has no names.
    if (error instanceof X509Error) return [];
    throw error;
  }
}

function revocationBreach(status: RevocationStatus, onUnknown: 'refuse' | 'accept'): Breach | undefined {
  if (status.kind === 'revoked') {
    return { rule: 'revoked', detail: `revoked at ${status.revocationDate.toISOString()} (${status.reason})` };
  }
  if (status.kind === 'good' || onUnknown === 'accept') return undefined;
  const details = status.details.length === 0 ? 'no CRL or OCSP response is about it' : status.details.join('; ');
  return { rule: 'revocation-unknown', detail: `it is not known whether it is revoked: ${details}` };
}

function signatureBreach(subject: Certificate, issuer: Certificate): Breach | undefined {
  try {
    const holds = verifyCertificateSignature(subject, issuer.publicKey);
    return holds ? undefined : { rule: 'signature', detail: 'it did not sign the certificate below' };
  } catch (error) {
    const rule: PathRule = error instanceof X509Error && error.code.endsWith('-key') ? 'public-key' : 'algorithm';
    return breachOf(error, rule);
  }
}

/** RFC 4158 section 3.5: anchors before others, a matching key identifier before none before another one. */
function promise(candidate: Candidate, subject: Certificate): number {
  return keyIdentifierFit(candidate.certificate, subject) * 2 + (candidate.role === 'anchor' ? 1 : 0);
}

function keyIdentifierFit(issuer: Certificate, subject: Certificate): number {
  try {
    const [wanted, actual] = [subject.authorityKeyIdentifier?.keyId, issuer.subjectKeyIdentifier];
    if (wanted === undefined || actual === undefined) return 1;
    return equalOctets(wanted, actual) ? 2 : 0;
  } catch (error) {
    if (error instanceof X509Error) return 0;
    throw error;
  }
}
