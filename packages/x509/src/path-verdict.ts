import type { Certificate } from './certificate.ts';
import type { PathPolicies } from './policy-graph.ts';
import type { ProfileRule } from './profile-rule.ts';
import type { RevocationEvidence, RevocationStatus } from './revocation-evidence.ts';

/** What made a path, or the search for one, fail: a rule of the path algorithm, or one of the policy's profile rules. */
export type PathRule =
  | ProfileRule
  | 'malformed-extension'
  | 'unknown-critical-extension'
  | 'unsupported-extension'
  | 'algorithm'
  | 'public-key'
  | 'validity'
  | 'signature'
  | 'basic-constraints'
  | 'path-length'
  | 'key-usage'
  | 'extended-key-usage'
  | 'name-constraints'
  | 'peer-name'
  | 'certificate-policies'
  | 'revoked'
  | 'revocation-unknown'
  | 'no-issuer'
  | 'depth-limit'
  | 'work-limit';

/** One reason why there is no path. */
export interface PathFailure {
  readonly rule: PathRule;
  /** What was found, in words. */
  readonly detail: string;
  /** Position in `path` of the certificate that broke the rule; 0 is the leaf. */
  readonly certificateIndex: number;
  /** Subject of that certificate, RFC 4514. */
  readonly subject: string;
  /** Subjects of the path that was tried, leaf first, up to and including that certificate. */
  readonly path: readonly string[];
  /** What was found about revocation, where the rule is `revoked` or `revocation-unknown`. */
  readonly revocation?: RevocationStatus;
}

/** What validation came to. */
export type PathVerdict =
  | {
      readonly ok: true;
      /** Leaf first, trust anchor last. */
      readonly path: readonly Certificate[];
      /** Policies that the path is good for. */
      readonly policies: PathPolicies;
      /** State of each certificate that was checked for revocation; empty where that was not asked for. */
      readonly revocation: readonly RevocationEvidence[];
      /** Why other paths, tried before this one, do not hold. */
      readonly tried: readonly PathFailure[];
    }
  /** In the order in which they were met; at least one, at most `PATH_LIMITS.maxFailures`. */
  | { readonly ok: false; readonly failures: readonly PathFailure[] };
