import { parseTbsCertList, type TbsCertList } from '@cert-tasks/x509';
import { checkIssuer, checkSignatureAlgorithm } from './certificate-rules.ts';
import type { CertificateAuthorityKey } from './key.ts';
import { ruleBroken } from './signing-rule.ts';
import { isCurrentStart } from './signing-time.ts';
import { checkTbsSize, readingTbs } from './tbs.ts';

/** A year and a day: an offline root's CRL lasts no longer, so that a signature made today does not vouch for ever. */
const MAX_CRL_LIFE_MS = 367 * 86_400_000;

/**
 * Checks a TBSCertList, which may be hostile, against all that the key may sign.
 *
 * @throws SignerError `tbs-malformed` where it is not strict DER of RFC 5280, 5.1; `outside-key-policy` with the broken
 * rule where the key may not sign it.
 */
export function checkCrl(tbs: Uint8Array, key: CertificateAuthorityKey, now: Date): void {
  checkTbsSize(tbs, 'crl');
  const list = readingTbs('crl', () => parseTbsCertList(tbs));
  const number = readingTbs('crl', () => list.crlNumber);
  if (list.version !== 2) throw ruleBroken('version', 'Only version 2 CRLs are signed (RFC 5280, 5.1.2.1).');
  checkSignatureAlgorithm(list, key);
  checkIssuer(list.issuer.der, key.policy);
  if (number === undefined) throw ruleBroken('crl-number', 'A CRL has a number (RFC 5280, 5.2.3).');
  checkUpdateTimes(list, now);
}

function checkUpdateTimes({ thisUpdate, nextUpdate }: TbsCertList, now: Date): void {
  if (!isCurrentStart(thisUpdate, { now })) {
    throw ruleBroken(
      'update-times',
      'thisUpdate is more than 5 minutes back, or ahead. Check the clocks, build it anew.',
    );
  }
  const lifeMs = nextUpdate === undefined ? 0 : nextUpdate.getTime() - thisUpdate.getTime();
  if (lifeMs <= 0 || lifeMs > MAX_CRL_LIFE_MS) {
    throw ruleBroken('update-times', 'nextUpdate is later than thisUpdate, by a year at most (RFC 5280, 5.1.2.5).');
  }
}
