import { describe, expect, it } from 'vitest';
import { newIntermediate, newLeaf, newRoot, TEST_TIME, type TestAuthority } from '../test/test-authority.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { certificatePoliciesExtension } from './certificate-policies.ts';
import type { Extension } from './extension.ts';
import { OID } from './oid.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { inhibitAnyPolicyExtension, policyConstraintsExtension } from './policy-constraints.ts';
import { ANY_POLICY_QUESTION, type PolicyQuestion } from './policy-graph.ts';
import { policyMappingsExtension } from './policy-mappings.ts';
import { validatePath } from './validate-path.ts';

const P1 = '2.16.840.1.101.3.2.1.48.1';
const P2 = '2.16.840.1.101.3.2.1.48.2';
const P3 = '2.16.840.1.101.3.2.1.48.3';
const P4 = '2.16.840.1.101.3.2.1.48.4';
const ANY = OID.anyPolicy;

/** What one certificate says about policies. */
interface Says {
  readonly policies?: readonly string[];
  readonly mappings?: readonly (readonly [string, string])[];
  readonly explicit?: number;
  readonly noMapping?: number;
  readonly noAny?: number;
  /** Issued by the CA above to itself, under a new key. */
  readonly selfIssued?: boolean;
}

function extensionsOf(says: Says): Extension[] {
  const { policies, mappings, explicit, noMapping, noAny } = says;
  return [
    ...(policies === undefined
      ? []
      : [certificatePoliciesExtension({ policies: policies.map((policy) => ({ policy })), critical: false })]),
    ...(mappings === undefined
      ? []
      : [
          policyMappingsExtension({
            mappings: mappings.map(([issuerDomainPolicy, subjectDomainPolicy]) => ({
              issuerDomainPolicy,
              subjectDomainPolicy,
            })),
            critical: true,
          }),
        ]),
    ...(explicit === undefined && noMapping === undefined
      ? []
      : [policyConstraintsExtension({ requireExplicitPolicy: explicit, inhibitPolicyMapping: noMapping })]),
    ...(noAny === undefined ? [] : [inhibitAnyPolicyExtension(noAny)]),
  ];
}

const root = newRoot();

/** Validates a chain whose certificates, from the top down, say this of policies. The last one is the leaf. */
function policiesOf(chain: readonly Says[], question: Partial<PolicyQuestion> = {}): readonly string[] | 'refused' {
  const intermediates: Certificate[] = [];
  let issuer: TestAuthority = root;
  for (const [index, says] of chain.slice(0, -1).entries()) {
    const subject = says.selfIssued
      ? [{ type: 'CN', value: index === 0 ? 'root' : `CA ${index - 1}` }]
      : [{ type: 'CN', value: `CA ${index}` }];
    issuer = newIntermediate(issuer, { subject, extensions: extensionsOf(says) });
    intermediates.push(issuer.certificate);
  }
  const last = chain[chain.length - 1] ?? {};
  const subject = last.selfIssued ? { subject: [{ type: 'CN', value: `CA ${chain.length - 2}` }] } : {};
  const leaf = newLeaf(issuer, { extensions: extensionsOf(last), ...subject });
  const verdict = validatePath({
    leaf,
    intermediates,
    trustAnchors: [root.certificate],
    time: TEST_TIME,
    policy: PATH_POLICIES.rfc5280,
    purposes: [],
    policies: { ...ANY_POLICY_QUESTION, ...question },
  });
  if (verdict.ok) return verdict.policies.user.toSorted();
  expect(verdict.failures[0]?.rule).toBe('certificate-policies');
  return 'refused';
}

const p1 = { policies: [P1] };
const any = { policies: [ANY] };
const explicit = { requireExplicit: true };

describe('certificate policies in a path', () => {
  // The cases follow the sections on policies of NIST PKITS (4.8 to 4.12).
  it('are what all certificates have in common', () => {
    expect(policiesOf([p1, p1, p1], explicit)).toEqual([P1]);
    expect(policiesOf([p1, p1, p1], { ...explicit, acceptable: [P1] })).toEqual([P1]);
    expect(policiesOf([p1, p1, p1], { ...explicit, acceptable: [P2] })).toBe('refused');
    expect(policiesOf([p1, p1, p1], { ...explicit, acceptable: [P1, P2] })).toEqual([P1]);
    expect(policiesOf([{ policies: [P1, P2] }, { policies: [P2, P3] }, { policies: [P2, P4] }], explicit)).toEqual([
      P2,
    ]);
    expect(policiesOf([{ policies: [P1, P2] }, { policies: [P2, P3] }, { policies: [P3, P4] }], explicit)).toBe(
      'refused',
    );
  });

  it('are not needed unless asked for', () => {
    expect(policiesOf([{}, {}])).toEqual([]);
    expect(policiesOf([p1, {}, p1])).toEqual([]);
    expect(policiesOf([p1, p1], { acceptable: [P2] })).toEqual([]);
    expect(policiesOf([{}, {}], explicit)).toBe('refused');
    expect(policiesOf([p1, {}, p1], explicit)).toBe('refused');
    expect(policiesOf([p1, p1, {}], explicit)).toBe('refused');
  });

  it('may be any', () => {
    expect(policiesOf([any, any], explicit)).toEqual([ANY]);
    expect(policiesOf([any, any], { ...explicit, acceptable: [P1] })).toEqual([P1]);
    expect(policiesOf([any, p1], { ...explicit, acceptable: [P1] })).toEqual([P1]);
    expect(policiesOf([any, p1], { ...explicit, acceptable: [P2] })).toBe('refused');
    expect(policiesOf([p1, any, p1], explicit)).toEqual([P1]);
    expect(policiesOf([p1, any], explicit)).toEqual([P1]);
    expect(policiesOf([{ policies: [P1, ANY] }, { policies: [P1, P2] }], explicit)).toEqual([P1, P2]);
  });

  it('are required by certificates', () => {
    expect(policiesOf([{ explicit: 0 }, {}])).toBe('refused');
    expect(policiesOf([{ explicit: 0, ...p1 }, p1])).toEqual([P1]);
    expect(policiesOf([{ explicit: 2 }, {}, {}])).toBe('refused');
    expect(policiesOf([{ explicit: 3 }, {}, {}])).toEqual([]);
    expect(policiesOf([{ explicit: 1 }, {}])).toBe('refused');
    expect(policiesOf([{ explicit: 2 }, {}])).toEqual([]);
    expect(policiesOf([{}, { explicit: 0 }])).toBe('refused');
    expect(policiesOf([{}, { explicit: 1 }])).toEqual([]);
    // A later constraint can only tighten.
    expect(policiesOf([{ explicit: 0 }, { explicit: 9 }, {}])).toBe('refused');
    // Self-issued certificates do not count.
    expect(policiesOf([{ explicit: 2 }, { selfIssued: true }, {}])).toEqual([]);
  });

  it('are mapped', () => {
    const mapped = { policies: [P1], mappings: [[P1, P2]] } as const;
    expect(policiesOf([mapped, { policies: [P2] }], explicit)).toEqual([P1]);
    expect(policiesOf([mapped, { policies: [P2] }], { ...explicit, acceptable: [P1] })).toEqual([P1]);
    expect(policiesOf([mapped, { policies: [P2] }], { ...explicit, acceptable: [P2] })).toBe('refused');
    expect(policiesOf([mapped, { policies: [P1] }], explicit)).toBe('refused');
    expect(policiesOf([mapped, { policies: [P2] }], { ...explicit, inhibitMapping: true })).toBe('refused');
    expect(policiesOf([{ ...mapped, noMapping: 0 }, { policies: [P2] }], explicit)).toEqual([P1]);
    expect(policiesOf([{ policies: [P1], noMapping: 0 }, mapped, { policies: [P2] }], explicit)).toBe('refused');
    expect(policiesOf([{ policies: [P1], noMapping: 1 }, mapped, { policies: [P2] }], explicit)).toEqual([P1]);
    // One policy to two, and two to one.
    const split = {
      policies: [P1],
      mappings: [
        [P1, P2],
        [P1, P3],
      ],
    } as const;
    expect(policiesOf([split, { policies: [P3] }], explicit)).toEqual([P1]);
    const join = {
      policies: [P1, P2],
      mappings: [
        [P1, P3],
        [P2, P3],
      ],
    } as const;
    expect(policiesOf([join, { policies: [P3] }], explicit)).toEqual([P1, P2]);
    expect(policiesOf([join, { policies: [P3] }], { ...explicit, acceptable: [P2] })).toEqual([P2]);
    // Through anyPolicy, and twice over.
    const throughAny = { policies: [ANY], mappings: [[P1, P2]] } as const;
    expect(policiesOf([throughAny, { policies: [P2] }], { ...explicit, acceptable: [P1] })).toEqual([P1]);
    expect(policiesOf([throughAny, { policies: [P2] }], { ...explicit, acceptable: [P2] })).toBe('refused');
    const again = { policies: [P2], mappings: [[P2, P3]] } as const;
    expect(policiesOf([mapped, again, { policies: [P3] }], explicit)).toEqual([P1]);
    expect(policiesOf([mapped, again, { policies: [P2] }], explicit)).toBe('refused');
  });

  it('are not mapped from or to any', () => {
    for (const [issuerDomainPolicy, subjectDomainPolicy] of [
      [ANY, P1],
      [P1, ANY],
    ] as const) {
      const valid = policyMappingsExtension({
        mappings: [{ issuerDomainPolicy: P1, subjectDomainPolicy: P2 }],
        critical: true,
      });
      expect(() =>
        policyMappingsExtension({ mappings: [{ issuerDomainPolicy, subjectDomainPolicy }], critical: true }),
      ).toThrow('anyPolicy');
      const anyOid = Uint8Array.of(0x06, 0x04, 0x55, 0x1d, 0x20, 0x00);
      const inner =
        issuerDomainPolicy === ANY
          ? [...anyOid, ...valid.value.subarray(16)]
          : [...valid.value.subarray(4, 16), ...anyOid];
      const value = Uint8Array.of(0x30, inner.length + 2, 0x30, inner.length, ...inner);
      const ca = newIntermediate(root, { extensions: [...extensionsOf(p1), { ...valid, value }] });
      const verdict = validatePath({
        leaf: newLeaf(ca, { extensions: extensionsOf(p1) }),
        intermediates: [ca.certificate],
        trustAnchors: [root.certificate],
        time: TEST_TIME,
        policy: PATH_POLICIES.rfc5280,
        purposes: [],
      });
      expect(verdict).toMatchObject({
        ok: false,
        failures: [{ rule: 'certificate-policies', detail: 'anyPolicy is mapped', certificateIndex: 1 }],
      });
    }
  });

  it('are not any once that is inhibited', () => {
    expect(policiesOf([{ ...any, noAny: 0 }, any], explicit)).toBe('refused');
    expect(policiesOf([{ ...any, noAny: 0 }, p1], explicit)).toEqual([P1]);
    expect(policiesOf([{ ...p1, noAny: 0 }, any], explicit)).toBe('refused');
    expect(policiesOf([{ ...p1, noAny: 1 }, any, any], explicit)).toBe('refused');
    expect(policiesOf([{ ...p1, noAny: 1 }, any, p1], explicit)).toEqual([P1]);
    expect(policiesOf([any, p1], { ...explicit, inhibitAnyPolicy: true })).toBe('refused');
    // In a self-issued certificate anyPolicy goes on to count, unless it is the last one.
    expect(policiesOf([{ ...p1, noAny: 0 }, { ...any, selfIssued: true }, p1], explicit)).toEqual([P1]);
    expect(policiesOf([{ ...p1, noAny: 0 }, { ...any, selfIssued: true }, any], explicit)).toBe('refused');
    expect(
      policiesOf(
        [
          { ...p1, noAny: 0 },
          { ...any, selfIssued: true },
        ],
        explicit,
      ),
    ).toBe('refused');
    expect(
      policiesOf(
        [
          { ...p1, noAny: 1 },
          { ...any, selfIssued: true },
        ],
        explicit,
      ),
    ).toEqual([P1]);
  });

  it('stay small where the old algorithm explodes', () => {
    // Each level maps every policy to every other: the tree of RFC 5280 has 30^8 nodes.
    const many = Array.from({ length: 30 }, (_, i) => `1.3.6.1.4.1.99999.${i}`);
    const mappings = many.flatMap((from) => many.map((to) => [from, to] as const));
    const level = { policies: many, mappings };
    const start = performance.now();
    const result = policiesOf(
      [level, level, level, level, level, level, level, { policies: [many[7] ?? P1] }],
      explicit,
    );
    expect(result).toHaveLength(30);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('are constrained by the anchor too', () => {
    const strict = newRoot({ extensions: extensionsOf({ explicit: 0 }) });
    const leaf = newLeaf(strict);
    const question = {
      leaf,
      intermediates: [],
      trustAnchors: [parseCertificate(strict.certificate.der)],
      time: TEST_TIME,
      policy: PATH_POLICIES.rfc5280,
      purposes: [],
    };
    expect(validatePath(question).ok).toBe(false);
    expect(validatePath({ ...question, leaf: newLeaf(strict, { extensions: extensionsOf(p1) }) }).ok).toBe(true);
  });
});
