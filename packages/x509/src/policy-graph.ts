import type { Certificate } from './certificate.ts';
import { sameName } from './name-comparison.ts';
import { OID } from './oid.ts';
import { mapsAnyPolicy, type PolicyMapping } from './policy-mappings.ts';

/** What is asked of the policies of a path (RFC 5280 section 6.1.1 c to g). */
export interface PolicyQuestion {
  /** Policies that are acceptable, dotted decimal; `OID.anyPolicy` alone for any. */
  readonly acceptable: readonly string[];
  /** Whether the path must be good for at least one of them. */
  readonly requireExplicit: boolean;
  readonly inhibitMapping: boolean;
  readonly inhibitAnyPolicy: boolean;
}

/** Any policy will do and none is needed. */
export const ANY_POLICY_QUESTION: PolicyQuestion = {
  acceptable: [OID.anyPolicy],
  requireExplicit: false,
  inhibitMapping: false,
  inhibitAnyPolicy: false,
};

/** Policies that a path is good for. */
export interface PathPolicies {
  /** As the authorities say, in the terms of the top one; `OID.anyPolicy` where they leave it open. */
  readonly authority: readonly string[];
  /** Those among them that are acceptable. */
  readonly user: readonly string[];
}

/** What policy processing came to. `index` is the certificate's position in the path, 0 the leaf. */
export type PolicyOutcome =
  | { readonly ok: true; readonly policies: PathPolicies }
  | { readonly ok: false; readonly detail: string; readonly index: number };

/** One node: a policy at a depth. */
interface PolicyNode {
  readonly policy: string;
  /** Policies that the next certificate may have for it. */
  expected: readonly string[];
  /** Nodes one depth above; the one anyPolicy node, or nodes that expect this policy. */
  readonly parents: readonly PolicyNode[];
}

type Level = Map<string, PolicyNode>;

/** State variables of RFC 5280 section 6.1.2, and the graph; undefined where it is empty. */
interface PolicyState {
  levels: Level[] | undefined;
  explicit: number;
  mapping: number;
  anyPolicy: number;
}

/**
 * Policy processing of RFC 5280 section 6.1 with the graph of RFC 9618, whose size is bounded by that of the
 * certificates: the tree of the older algorithm grows exponentially. Policy constraints and inhibitAnyPolicy of the anchor count too.
 * @param path Leaf first, trust anchor last.
 */
export function processPolicies(path: readonly Certificate[], question: PolicyQuestion): PolicyOutcome {
  const count = path.length - 1;
  const anyNode: PolicyNode = { policy: OID.anyPolicy, expected: [OID.anyPolicy], parents: [] };
  const state: PolicyState = {
    levels: [new Map([[OID.anyPolicy, anyNode]])],
    explicit: question.requireExplicit ? 0 : count + 1,
    mapping: question.inhibitMapping ? 0 : count + 1,
    anyPolicy: question.inhibitAnyPolicy ? 0 : count + 1,
  };
  const anchor = path[count];
  if (anchor !== undefined) applyConstraints(state, anchor);
  for (let index = count - 1; index >= 0; index--) {
    const certificate = path[index];
    if (certificate === undefined) break;
    const detail = processCertificate(state, certificate, index === 0);
    if (detail !== undefined) return { ok: false, detail, index };
  }
  return conclude(state, path[0], question);
}

/** Section 6.1.3 d to f, then 6.1.4 or the first steps of 6.1.5. Gives what is wrong. */
function processCertificate(state: PolicyState, certificate: Certificate, isLeaf: boolean): string | undefined {
  const selfIssued = sameName(certificate.subject, certificate.issuer);
  const anyCounts = state.anyPolicy > 0 || (!isLeaf && selfIssued);
  addLevel(state, certificate, anyCounts);
  if (state.explicit === 0 && state.levels === undefined) return 'no policy is left, and an explicit one is needed';
  if (isLeaf) return undefined;
  const mappings = certificate.policyMappings ?? [];
  if (mappings.some(mapsAnyPolicy)) return 'anyPolicy is mapped';
  applyMappings(state, mappings);
  if (!selfIssued) {
    state.explicit = Math.max(0, state.explicit - 1);
    state.mapping = Math.max(0, state.mapping - 1);
    state.anyPolicy = Math.max(0, state.anyPolicy - 1);
  }
  applyConstraints(state, certificate);
  return undefined;
}

/** Section 6.1.4 i and j. */
function applyConstraints(state: PolicyState, certificate: Certificate): void {
  const constraints = certificate.policyConstraints;
  state.explicit = Math.min(state.explicit, constraints?.requireExplicitPolicy ?? state.explicit);
  state.mapping = Math.min(state.mapping, constraints?.inhibitPolicyMapping ?? state.mapping);
  state.anyPolicy = Math.min(state.anyPolicy, certificate.inhibitAnyPolicy ?? state.anyPolicy);
}

/** RFC 9618 section 5.2, step d: the nodes of one certificate. Nodes without children are left where they are: see `conclude`. */
function addLevel(state: PolicyState, certificate: Certificate, anyCounts: boolean): void {
  const policies = certificate.certificatePolicies;
  const above = state.levels?.[state.levels.length - 1];
  if (policies === undefined || above === undefined || state.levels === undefined) {
    state.levels = undefined;
    return;
  }
  const expecting = parentsByExpectation(above);
  const anyAbove = above.get(OID.anyPolicy);
  const level: Level = new Map();
  const add = (policy: string, parents: readonly PolicyNode[]): void => {
    level.set(policy, { policy, expected: [policy], parents });
  };
  for (const { policy } of policies) {
    if (policy === OID.anyPolicy) continue;
    const parents = expecting.get(policy) ?? (anyAbove === undefined ? undefined : [anyAbove]);
    if (parents !== undefined) add(policy, parents);
  }
  if (anyCounts && policies.some(({ policy }) => policy === OID.anyPolicy)) {
    for (const [policy, parents] of expecting) if (!level.has(policy)) add(policy, parents);
  }
  state.levels = level.size === 0 ? undefined : [...state.levels, level];
}

function parentsByExpectation(level: Level): Map<string, PolicyNode[]> {
  const parents = new Map<string, PolicyNode[]>();
  for (const node of level.values()) {
    for (const policy of node.expected) {
      const known = parents.get(policy);
      if (known === undefined) parents.set(policy, [node]);
      else known.push(node);
    }
  }
  return parents;
}

/** RFC 9618 section 5.3 (RFC 5280 section 6.1.4 b). */
function applyMappings(state: PolicyState, mappings: readonly PolicyMapping[]): void {
  const { levels } = state;
  const level = levels?.[levels.length - 1];
  if (levels === undefined || level === undefined) return;
  const bySource = Map.groupBy(mappings, ({ issuerDomainPolicy }) => issuerDomainPolicy);
  const any = level.get(OID.anyPolicy);
  for (const [source, targets] of bySource) {
    const node = level.get(source);
    const expected = [...new Set(targets.map(({ subjectDomainPolicy }) => subjectDomainPolicy))];
    if (state.mapping === 0) level.delete(source);
    else if (node !== undefined) node.expected = expected;
    else if (any !== undefined) level.set(source, { policy: source, expected, parents: any.parents });
  }
  if (level.size === 0) state.levels = undefined;
}

/** Section 6.1.5 a, b and g. */
function conclude(state: PolicyState, leaf: Certificate | undefined, question: PolicyQuestion): PolicyOutcome {
  const required = leaf?.policyConstraints?.requireExplicitPolicy === 0;
  const explicit = required ? 0 : Math.max(0, state.explicit - 1);
  const authority = authorityPolicies(state.levels);
  const user = userPolicies(authority, question.acceptable);
  if (explicit === 0 && user.length === 0) {
    return { ok: false, detail: 'the path is good for none of the acceptable policies', index: 0 };
  }
  return { ok: true, policies: { authority, user } };
}

/**
 * Policies whose node hangs on anyPolicy alone and has a line of descent to the last depth: the names that the top authority
 * knows (RFC 9618 section 5.4).
 */
function authorityPolicies(levels: readonly Level[] | undefined): readonly string[] {
  const last = levels?.[levels.length - 1];
  if (last === undefined) return [];
  const found = new Set<string>();
  if (last.has(OID.anyPolicy)) found.add(OID.anyPolicy);
  let reached = new Set(last.values());
  while (reached.size > 0) {
    const above = new Set<PolicyNode>();
    for (const node of reached) {
      for (const parent of node.parents) {
        above.add(parent);
        if (parent.policy === OID.anyPolicy && node.policy !== OID.anyPolicy) found.add(node.policy);
      }
    }
    reached = above;
  }
  return [...found];
}

function userPolicies(authority: readonly string[], acceptable: readonly string[]): readonly string[] {
  if (acceptable.includes(OID.anyPolicy)) return authority;
  if (authority.includes(OID.anyPolicy)) return acceptable;
  return acceptable.filter((policy) => authority.includes(policy));
}
