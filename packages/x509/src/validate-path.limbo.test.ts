import { describe, expect, it } from 'vitest';
import { readTestFile } from '../test/fixture.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { parseCertificateList } from './certificate-list.ts';
import { OID } from './oid.ts';
import { PATH_POLICIES } from './path-policy.ts';
import { matchesPeerName, type PeerName } from './peer-name.ts';
import { decodePem } from './pem.ts';
import { REVOCATION_POLICIES, type RevocationInput } from './revocation-policy.ts';
import { PATH_LIMITS, validatePath } from './validate-path.ts';
import { X509Error } from './x509-error.ts';

interface LimboPeer {
  readonly kind: string;
  readonly value: string;
}

/** The part of a limbo case that is used here (limbo-schema.json). */
interface LimboCase {
  readonly id: string;
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time: string | null;
  readonly extended_key_usage: readonly string[];
  readonly signature_algorithms: readonly unknown[];
  readonly key_usage: readonly unknown[];
  readonly expected_result: 'SUCCESS' | 'FAILURE';
  readonly expected_peer_name: LimboPeer | null;
  readonly expected_peer_names: readonly LimboPeer[];
  readonly max_chain_depth: number | null;
  readonly crls: readonly string[];
}

/** Cases that are not run, each with its reason. */
const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  [
    'webpki::san::public-suffix-multi-label-wildcard-san',
    'needs the public suffix list, which is data that no input carries',
  ],
  [
    'webpki::san::public-suffix-private-namespace-wildcard-san',
    'needs the public suffix list, which is data that no input carries',
  ],
]);

/** Room for the two cases that are large on purpose. */
const LIMITS = { maxBytes: 1_048_576, maxDepth: 24, maxElements: 100_000 };
const PURPOSES: Readonly<Record<string, string>> = { serverAuth: OID.serverAuth, clientAuth: OID.clientAuth };

// The shape is the published schema's; a file of another one fails the count below.
const cases = (JSON.parse(readTestFile('vectors/x509-limbo.json')) as { testcases: readonly LimboCase[] }).testcases;

function load(pem: string): Certificate {
  return parseCertificate(decodePem(pem, 'CERTIFICATE'), LIMITS);
}

const PEER_KINDS: Readonly<Record<string, PeerName['kind']>> = { DNS: 'dns', IP: 'ip', RFC822: 'email' };

function toPeerName({ kind, value }: LimboPeer): PeerName {
  const known = PEER_KINDS[kind];
  if (known === undefined) throw new Error(`peer names of kind ${kind} are not run`);
  return { kind: known, value };
}

/** CRLs are for the leaf: the suite gives none for the intermediates. */
function revocationOf(crls: readonly string[]): RevocationInput {
  const policy = { ...REVOCATION_POLICIES.hardFail, scope: 'leaf' } as const;
  return { policy, crls: crls.map((pem) => parseCertificateList(decodePem(pem, 'X509 CRL'))), ocspResponses: [] };
}

/** Empty for acceptance, or what refused. */
function refusalOf(test: LimboCase): string {
  try {
    const leaf = load(test.peer_certificate);
    const verdict = validatePath({
      leaf,
      intermediates: test.untrusted_intermediates.map(load),
      trustAnchors: test.trusted_certs.map(load),
      time: new Date(test.validation_time ?? '2026-06-29T00:00:00Z'),
      policy: /^(webpki|online)::/.test(test.id) ? PATH_POLICIES.webpki : PATH_POLICIES.rfc5280,
      purposes: test.extended_key_usage.map((name) => PURPOSES[name] ?? name),
      limits: { ...PATH_LIMITS, maxIntermediates: test.max_chain_depth ?? PATH_LIMITS.maxIntermediates },
      ...(test.crls.length === 0 ? {} : { revocation: revocationOf(test.crls) }),
      ...(test.expected_peer_name === null ? {} : { peerName: toPeerName(test.expected_peer_name) }),
    });
    if (!verdict.ok) return verdict.failures.map(({ rule, detail }) => `${rule}: ${detail}`).join('; ') || 'no reason';
    return test.expected_peer_names.every((peer) => matchesPeerName(leaf, toPeerName(peer))) ? '' : 'peer names';
  } catch (error) {
    if (error instanceof X509Error) return `parse: ${error.message}`;
    throw error;
  }
}

describe('x509-limbo', () => {
  const run = cases.filter(({ id }) => !UNSUPPORTED.has(id));
  const results = run.map((test) => {
    const start = performance.now();
    const refusal = refusalOf(test);
    return { test, refusal, milliseconds: performance.now() - start };
  });
  const ids = (of: typeof results): string[] => of.map(({ test, refusal }) => `${test.id}: ${refusal}`);

  it('is the file that this test was written for', () => {
    expect(cases).toHaveLength(104);
    for (const id of UNSUPPORTED.keys()) expect(cases.map((test) => test.id)).toContain(id);
    for (const test of run) expect([test.id, test.signature_algorithms, test.key_usage]).toEqual([test.id, [], []]);
  });

  it('accepts nothing wrongly', () => {
    expect(ids(results.filter(({ test, refusal }) => test.expected_result === 'FAILURE' && refusal === ''))).toEqual(
      [],
    );
  });

  it('refuses nothing wrongly', () => {
    expect(ids(results.filter(({ test, refusal }) => test.expected_result === 'SUCCESS' && refusal !== ''))).toEqual(
      [],
    );
  });

  it('gives a reason for each refusal', () => {
    expect(ids(results.filter(({ refusal }) => refusal === 'no reason'))).toEqual([]);
  });

  it('takes bounded time on every case', () => {
    expect(results.filter(({ milliseconds }) => milliseconds > 2000).map(({ test }) => test.id)).toEqual([]);
  });

  it('scores', ({ annotate }) => {
    const right = results.filter(
      ({ test, refusal }) => (test.expected_result === 'SUCCESS') === (refusal === ''),
    ).length;
    expect(right).toBe(102);
    return annotate(`x509-limbo: ${right} of ${run.length} right, ${UNSUPPORTED.size} not run`);
  });
});
