import { PATH_POLICIES, type PathInput, validatePath } from '../src/index.ts';
import { newIntermediate, newLeaf, newRoot, TEST_TIME, type TestCertificateInput } from './test-authority.ts';

/** A root of tests of paths. */
export const root = newRoot();
/** Its intermediate, with path length 0. */
export const intermediate = newIntermediate(root, { pathLength: 0 });
/** A leaf below, for leaf.example.com. */
export const leaf = newLeaf(intermediate);

/** A question whose answer is yes. */
export const ordinary: PathInput = {
  leaf,
  intermediates: [intermediate.certificate],
  trustAnchors: [root.certificate],
  time: TEST_TIME,
  policy: PATH_POLICIES.rfc5280,
  purposes: [],
  peerName: { kind: 'dns', value: 'leaf.example.com' },
};

/** Rules of the failures, or `ok`. */
export function rulesOf(difference: Partial<PathInput>): string {
  const verdict = validatePath({ ...ordinary, ...difference });
  return verdict.ok ? 'ok' : verdict.failures.map(({ rule }) => rule).join(' ');
}

/** As `rulesOf`, for a leaf below a CA made with the given differences. */
export function below(
  authority: TestCertificateInput & { pathLength?: number },
  leafInput: TestCertificateInput = {},
  difference: Partial<PathInput> = {},
): string {
  const issuer = newIntermediate(root, authority);
  const { peerName: _ignored, ...nameless } = ordinary;
  const verdict = validatePath({
    ...nameless,
    leaf: newLeaf(issuer, leafInput),
    intermediates: [issuer.certificate],
    ...difference,
  });
  return verdict.ok ? 'ok' : verdict.failures.map(({ rule }) => rule).join(' ');
}
