import { applyLintRules, type LintFinding, type LintRule } from './lint-finding.ts';
import { LINT_PROFILES, type LintProfile } from './lint-profile.ts';
import { type OcspResponseData, type OcspSingleResponse, parseTbsOcspResponse } from './ocsp-response.ts';
import { toHex } from './octets.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

type Rule = LintRule<OcspResponseData>;

/** A rule that looks at each answer. */
function each(
  severity: Rule['severity'],
  section: string,
  check: (answer: OcspSingleResponse, data: OcspResponseData) => string | undefined,
): Rule {
  return {
    severity,
    section,
    check: (data) => data.responses.map((answer) => check(answer, data)).find((detail) => detail !== undefined),
  };
}

const HOUR = 3_600_000;

/** Rules on a ResponseData. */
const OCSP_LINT_RULES = {
  'ocsp-empty': {
    severity: 'error',
    section: 'RFC 6960 section 4.2.1',
    check: (data) => (data.responses.length === 0 ? 'there is no answer' : undefined),
  },
  'ocsp-repeated': {
    severity: 'error',
    section: 'RFC 6960 section 4.2.1',
    check: (data) =>
      new Set(data.responses.map(({ certId }) => toHex(certId.der))).size < data.responses.length
        ? 'a certificate is answered twice'
        : undefined,
  },
  'ocsp-next-update': each('error', 'RFC 6960 section 4.2.2.1, RFC 5019 section 2.2.4', (answer) => {
    if (answer.nextUpdate === undefined) return 'nextUpdate is missing: the response could be replayed for ever';
    return answer.nextUpdate.getTime() > answer.thisUpdate.getTime()
      ? undefined
      : 'nextUpdate is not later than thisUpdate';
  }),
  'ocsp-produced-at': each('error', 'RFC 6960 section 2.4', (answer, data) =>
    data.producedAt.getTime() < answer.thisUpdate.getTime() ? 'it was produced before what it tells' : undefined,
  ),
  'ocsp-revocation-date': each('error', 'RFC 6960 section 4.2.1', (answer, data) =>
    answer.status.kind === 'revoked' && answer.status.revocationDate.getTime() > data.producedAt.getTime()
      ? 'a certificate is revoked in the future'
      : undefined,
  ),
  'ocsp-reason': each('error', 'RFC 5280 section 5.3.1', (answer) =>
    answer.status.kind === 'revoked' && answer.status.reason === 'removeFromCRL'
      ? 'removeFromCRL is for delta CRLs only'
      : undefined,
  ),
  'ocsp-hash-algorithm': each('error', 'RFC 6960 section 4.1.1', (answer) =>
    answer.certId.digest === undefined ? `hash algorithm ${answer.certId.hashAlgorithm} is not known` : undefined,
  ),
  'ocsp-responder-by-name': {
    severity: 'warning',
    section: 'RFC 5019 section 2.2.2',
    check: ({ responderId }) =>
      responderId.kind === 'name' ? 'a responder is better named by its key, which is shorter' : undefined,
  },
  'ocsp-nonce-length': {
    severity: 'warning',
    section: 'RFC 9654 section 2.1',
    check: ({ nonce }) =>
      nonce !== undefined && (nonce.length < 16 || nonce.length > 32)
        ? 'nonces of 16 to 32 octets are those that everyone takes'
        : undefined,
  },
  'ocsp-extension-critical': {
    severity: 'error',
    section: 'RFC 6960 section 4.4',
    check: ({ extensions }) =>
      extensions.some(({ oid, critical }) => critical && oid === OID.ocspNonce)
        ? 'the nonce should not be critical: clients that sent none refuse it'
        : undefined,
  },
} as const satisfies Record<string, Rule>;

const BASELINE_RULES = {
  'br-ocsp-lifetime': each('error', 'Baseline Requirements section 4.9.10', ({ thisUpdate, nextUpdate }) => {
    if (nextUpdate === undefined) return undefined;
    const hours = (nextUpdate.getTime() - thisUpdate.getTime()) / HOUR;
    return hours < 8 || hours > 240 ? 'an answer must hold for 8 hours to 10 days' : undefined;
  }),
} as const satisfies Record<string, Rule>;

/** Name of an OCSP lint rule. */
export type OcspLintRule = keyof typeof OCSP_LINT_RULES | keyof typeof BASELINE_RULES | 'malformed';

/**
 * What a responder must not, or should not, put its signature under, found in the exact octets of a ResponseData (RFC 6960
 * section 4.2). Empty when clean. It never throws for what the octets hold; where they cannot be parsed, that is the only finding.
 * @param profile `LINT_PROFILES.privatePki` unless told.
 */
export function lintTbsOcspResponse(
  tbs: Uint8Array,
  profile: LintProfile = LINT_PROFILES.privatePki,
): readonly LintFinding<OcspLintRule>[] {
  let data: OcspResponseData;
  try {
    data = parseTbsOcspResponse(tbs);
  } catch (fault) {
    if (!(fault instanceof X509Error)) throw fault;
    return [{ rule: 'malformed', severity: 'error', section: 'RFC 6960 section 4.2', detail: fault.message }];
  }
  return [...applyLintRules(OCSP_LINT_RULES, data), ...applyLintRules(BASELINE_RULES, data, profile.relaxations)];
}
