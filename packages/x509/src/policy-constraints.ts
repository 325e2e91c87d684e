import { contextTag, TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const CONSTRAINTS_ID = { oid: OID.policyConstraints, name: 'policyConstraints' };
const INHIBIT_ID = { oid: OID.inhibitAnyPolicy, name: 'inhibitAnyPolicy' };

/** Most certificates that a constraint may skip; no path is longer. */
const MAX_SKIP = 0x7fffffff;

/** Policy constraints (RFC 5280 section 4.2.1.11). At least one of the two is there. */
export interface PolicyConstraints {
  /** After how many more certificates an explicit policy is needed. */
  readonly requireExplicitPolicy: number | undefined;
  /** After how many more certificates policies may not be mapped. */
  readonly inhibitPolicyMapping: number | undefined;
}

/** The policyConstraints extension, always critical. @throws X509Error `invalid-argument` where it would say nothing. */
export function policyConstraintsExtension(constraints: PolicyConstraints): Extension {
  const { requireExplicitPolicy, inhibitPolicyMapping } = constraints;
  if (requireExplicitPolicy === undefined && inhibitPolicyMapping === undefined) {
    throw new X509Error('invalid-argument', 'Policy constraints must not be empty (RFC 5280 section 4.2.1.11)');
  }
  return buildExtension({ oid: CONSTRAINTS_ID.oid, critical: true }, (writer) => {
    const end = writer.mark();
    if (inhibitPolicyMapping !== undefined) writer.integer(skipCount(inhibitPolicyMapping), contextTag(1));
    if (requireExplicitPolicy !== undefined) writer.integer(skipCount(requireExplicitPolicy), contextTag(0));
    writer.close(TAG.SEQUENCE, end);
  });
}

/** @throws X509Error where the value is malformed or empty. */
export function parsePolicyConstraints(extension: Extension): PolicyConstraints {
  return parseExtensionValue(extension, CONSTRAINTS_ID, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    if (sequence.atEnd) throw reader.error('invalid-extension', 'Policy constraints must not be empty');
    const requireExplicitPolicy = sequence.isNext(contextTag(0))
      ? sequence.readSmallInteger(MAX_SKIP, contextTag(0))
      : undefined;
    const inhibitPolicyMapping = sequence.isNext(contextTag(1))
      ? sequence.readSmallInteger(MAX_SKIP, contextTag(1))
      : undefined;
    sequence.finish();
    return { requireExplicitPolicy, inhibitPolicyMapping };
  });
}

/** The inhibitAnyPolicy extension, always critical (RFC 5280 section 4.2.1.14). @param skip Certificates that may follow before. */
export function inhibitAnyPolicyExtension(skip: number): Extension {
  return buildExtension({ oid: INHIBIT_ID.oid, critical: true }, (writer) => writer.integer(skipCount(skip)));
}

/** After how many more certificates anyPolicy no longer counts. */
export function parseInhibitAnyPolicy(extension: Extension): number {
  return parseExtensionValue(extension, INHIBIT_ID, (reader) => reader.readSmallInteger(MAX_SKIP));
}

function skipCount(count: number): number {
  if (!Number.isInteger(count) || count < 0 || count > MAX_SKIP) {
    throw new X509Error('invalid-argument', 'A count of certificates is a whole number from 0');
  }
  return count;
}
