import type { LintFinding, LintRule } from './lint-finding.ts';
import { applyLintRules } from './lint-finding.ts';
import { LINT_PROFILES, type LintProfile } from './lint-profile.ts';
import { isEmptyName } from './name.ts';
import { OID } from './oid.ts';
import { parseTbsCertList, revokedSerialHex, type TbsCertList } from './tbs-cert-list.ts';
import { X509Error } from './x509-error.ts';

type Rule = LintRule<TbsCertList>;

function error(section: string, check: Rule['check']): Rule {
  return { severity: 'error', section, check };
}

function warning(section: string, check: Rule['check']): Rule {
  return { severity: 'warning', section, check };
}

const DAY = 86_400_000;

/** Rules on a CRL as a whole. `RevocationPolicy.crlRules` names those of them that a verifier enforces. */
export const CRL_LINT_RULES = {
  'crl-version': error('RFC 5280 section 5.1.2.1', (list) =>
    list.version === 2 ? undefined : 'the version is 1, not 2',
  ),
  'crl-signature-algorithm': error('RFC 5280 section 5.1.1.2', (list) => {
    try {
      void list.signatureAlgorithm;
      return undefined;
    } catch (fault) {
      if (fault instanceof X509Error) return fault.message;
      throw fault;
    }
  }),
  'crl-issuer-name': error('RFC 5280 section 5.1.2.3', (list) =>
    isEmptyName(list.issuer) ? 'the issuer is empty' : undefined,
  ),
  'crl-next-update': error('RFC 5280 section 5.1.2.5', (list) => {
    if (list.nextUpdate === undefined) return 'nextUpdate is missing';
    return list.nextUpdate.getTime() > list.thisUpdate.getTime()
      ? undefined
      : 'nextUpdate is not later than thisUpdate';
  }),
  'crl-time-encoding': error('RFC 5280 section 5.1.2.4', (list) =>
    list.hasProperTimeEncoding ? undefined : 'times before 2050 must be UTCTime',
  ),
  'crl-number-missing': error('RFC 5280 section 5.2.3', (list) =>
    list.crlNumber === undefined ? 'cRLNumber is missing' : undefined,
  ),
  'crl-number-critical': error('RFC 5280 section 5.2.3', (list) => mustNotBeCritical(list, OID.cRLNumber)),
  'crl-authority-key-identifier-missing': error('RFC 5280 section 5.2.1', (list) =>
    list.authorityKeyIdentifier?.keyId === undefined
      ? 'authorityKeyIdentifier with a key identifier is missing'
      : undefined,
  ),
  'crl-authority-key-identifier-critical': error('RFC 5280 section 5.2.1', (list) =>
    mustNotBeCritical(list, OID.authorityKeyIdentifier),
  ),
  'crl-delta-indicator-not-critical': error('RFC 5280 section 5.2.4', (list) =>
    mustBeCritical(list, OID.deltaCRLIndicator),
  ),
  'crl-delta-number': error('RFC 5280 section 5.2.4', (list) =>
    list.deltaCrlIndicator !== undefined && (list.crlNumber ?? -1n) < list.deltaCrlIndicator
      ? 'the number of a delta CRL is not below that of its base'
      : undefined,
  ),
  'crl-distribution-point-not-critical': error('RFC 5280 section 5.2.5', (list) =>
    mustBeCritical(list, OID.issuingDistributionPoint),
  ),
  'crl-freshest-critical': error('RFC 5280 section 5.2.6', (list) => mustNotBeCritical(list, OID.freshestCRL)),
  'crl-freshest-in-delta': error('RFC 5280 section 5.2.6', (list) =>
    list.deltaCrlIndicator !== undefined && list.freshestCrl !== undefined
      ? 'a delta CRL must not name delta CRLs'
      : undefined,
  ),
  'crl-entries': error('RFC 5280 section 5.3', entriesFault),
} as const satisfies Record<string, Rule>;

const BASELINE_RULES = {
  'br-crl-lifetime': error('Baseline Requirements section 4.9.7', (list) => {
    if (list.nextUpdate === undefined) return undefined;
    const days = (list.nextUpdate.getTime() - list.thisUpdate.getTime()) / DAY;
    const limit = list.issuingDistributionPoint?.onlyContainsCaCerts ? 366 : 10;
    return days > limit ? `it holds for more than ${limit} days` : undefined;
  }),
  'br-crl-hold': error('Baseline Requirements section 7.2.2', (list) =>
    list.entries().some(({ reason }) => reason === 'certificateHold') ? 'certificates are suspended' : undefined,
  ),
  'br-crl-reason': warning('Baseline Requirements section 7.2.2', (list) => {
    const other = list.entries().find(({ reason }) => reason === 'cACompromise' || reason === 'aACompromise');
    return other === undefined ? undefined : `reason ${other.reason} is not one for subscribers`;
  }),
} as const satisfies Record<string, Rule>;

/** Name of a CRL lint rule. */
export type CrlLintRule =
  | keyof typeof CRL_LINT_RULES
  | keyof typeof BASELINE_RULES
  | 'malformed'
  | 'malformed-extension';

/**
 * What an issuer must not, or should not, put its signature under, found in the exact octets of a TBSCertList (RFC 5280
 * section 5). Empty when clean. It never throws for what the octets hold; where they cannot be parsed, that is the only finding.
 * @param profile `LINT_PROFILES.privatePki` unless told.
 */
export function lintTbsCertList(
  tbs: Uint8Array,
  profile: LintProfile = LINT_PROFILES.privatePki,
): readonly LintFinding<CrlLintRule>[] {
  let list: TbsCertList;
  try {
    list = parseTbsCertList(tbs);
  } catch (fault) {
    return [malformed('malformed', fault)];
  }
  try {
    return [...applyLintRules(CRL_LINT_RULES, list), ...applyLintRules(BASELINE_RULES, list, profile.relaxations)];
  } catch (fault) {
    return [malformed('malformed-extension', fault)];
  }
}

function malformed(rule: 'malformed' | 'malformed-extension', fault: unknown): LintFinding<CrlLintRule> {
  if (!(fault instanceof X509Error)) throw fault;
  const section = rule === 'malformed' ? 'RFC 5280 section 5.1' : 'RFC 5280 section 5.2';
  return { rule, severity: 'error', section, detail: fault.message };
}

function mustBeCritical(list: TbsCertList, oid: string): string | undefined {
  return list.extension(oid)?.critical === false ? `extension ${oid} must be critical` : undefined;
}

function mustNotBeCritical(list: TbsCertList, oid: string): string | undefined {
  return list.extension(oid)?.critical ? `extension ${oid} must not be critical` : undefined;
}

/** One walk over all entries: what is wrong with the first bad one. */
function entriesFault(list: TbsCertList): string | undefined {
  const isDelta = list.deltaCrlIndicator !== undefined;
  const isIndirect = list.issuingDistributionPoint?.indirectCrl === true;
  const seen = new Set<string>();
  for (const entry of list.entries()) {
    const serial = revokedSerialHex(entry);
    const at = (text: string): string => `entry ${serial.slice(0, 40)}: ${text}`;
    if (!list.hasCertificateIssuers && seen.has(serial)) return at('it is there twice');
    seen.add(serial);
    if (entry.revocationDate.getTime() > list.thisUpdate.getTime()) return at('it is revoked in the future');
    if (entry.reason === 'removeFromCRL' && !isDelta) return at('removeFromCRL is for delta CRLs only');
    for (const { oid, critical } of entry.extensions) {
      if (oid === OID.certificateIssuer && !isIndirect) return at('it names an issuer in a CRL that is not indirect');
      if (critical !== (oid === OID.certificateIssuer)) return at(`extension ${oid} has the wrong criticality`);
      if (oid === OID.reasonCode && entry.reason === 'unspecified') return at('unspecified is said by leaving it out');
    }
  }
  return undefined;
}
