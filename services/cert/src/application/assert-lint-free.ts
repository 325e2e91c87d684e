import { lintTbsCertificate } from '@cert-tasks/x509';
import { CertError } from '../domain/errors.ts';

/**
 * Lints the exact bytes that are to be signed; warnings pass.
 * @throws CertError `lint-failed` naming each rule broken.
 */
export function assertLintFree(tbs: Uint8Array): void {
  const errors = lintTbsCertificate(tbs).filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  throw new CertError(
    'lint-failed',
    `The certificate would break its rules: ${errors.map(({ rule, section }) => `${rule} (${section})`).join('; ')}.`,
    { advice: 'Nothing was signed. Report this: the profile or the authority is at fault.' },
  );
}
