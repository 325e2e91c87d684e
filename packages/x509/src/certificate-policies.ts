import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { generalNameFault } from './general-name.ts';
import { OID } from './oid.ts';
import type { PolicyQualifier } from './policy-qualifier.ts';
import { type UserNotice, writeUserNotice } from './user-notice.ts';
import { X509Error } from './x509-error.ts';

/** One certificate policy (RFC 5280 section 4.2.1.4). */
export interface PolicyInformation {
  readonly policy: string;
  /** URLs of certification practice statements among the qualifiers. */
  readonly cpsUris: readonly string[];
  /** All qualifiers, as encoded. */
  readonly qualifiers: readonly PolicyQualifier[];
}

/** One policy to be written: its identifier, and its qualifiers. */
export interface PolicyInput {
  readonly policy: string;
  readonly cpsUris?: readonly string[];
  /** Notices, after the practice statements. RFC 5280 advises against them. */
  readonly userNotices?: readonly UserNotice[];
}

/** The certificatePolicies extension. @throws X509Error for an empty list, a policy given twice, or a malformed URL. */
export function certificatePoliciesExtension(input: {
  readonly policies: readonly PolicyInput[];
  readonly critical: boolean;
}): Extension {
  if (
    input.policies.length === 0 ||
    new Set(input.policies.map((entry) => entry.policy)).size !== input.policies.length
  ) {
    throw new X509Error('invalid-argument', 'Give at least one policy and none twice (RFC 5280 section 4.2.1.4)');
  }
  return buildExtension({ oid: OID.certificatePolicies, critical: input.critical }, (writer) => {
    const end = writer.mark();
    for (const { policy, cpsUris = [], userNotices = [] } of input.policies.toReversed()) {
      const policyEnd = writer.mark();
      for (const notice of userNotices.toReversed()) writeUserNotice(writer, notice);
      for (const cpsUri of cpsUris.toReversed()) {
        const fault = generalNameFault({ kind: 'uri', value: cpsUri });
        if (fault !== undefined) throw new X509Error('invalid-argument', `A practice statement's URL is ${fault}`);
        const qualifierEnd = writer.mark();
        writer.ascii(cpsUri, TAG.IA5_STRING);
        writer.oid(OID.policyCps);
        writer.close(TAG.SEQUENCE, qualifierEnd);
      }
      if (cpsUris.length + userNotices.length > 0) writer.close(TAG.SEQUENCE, policyEnd);
      writer.oid(policy);
      writer.close(TAG.SEQUENCE, policyEnd);
    }
    writer.close(TAG.SEQUENCE, end);
  });
}

/** Policies in order of encoding. @throws X509Error where the value is malformed, empty, or names a policy twice. */
export function parseCertificatePolicies(extension: Extension): readonly PolicyInformation[] {
  return parseExtensionValue(extension, { oid: OID.certificatePolicies, name: 'certificatePolicies' }, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const policies = new Map<string, PolicyInformation>();
    while (!sequence.atEnd) {
      const information = sequence.enter(TAG.SEQUENCE);
      const policy = information.readOid();
      const qualifiers: PolicyQualifier[] = [];
      const cpsUris: string[] = [];
      const list = information.atEnd ? undefined : information.enter(TAG.SEQUENCE);
      if (list?.atEnd) throw information.error('invalid-extension', 'A list of policy qualifiers must not be empty');
      while (list !== undefined && !list.atEnd) {
        const qualifier = list.enter(TAG.SEQUENCE);
        const id = qualifier.readOid();
        if (id === OID.policyCps) cpsUris.push(qualifier.readAscii(TAG.IA5_STRING));
        else qualifier.skip();
        qualifiers.push({ id, value: qualifier.bytes.subarray(qualifier.elementStart, qualifier.position) });
        qualifier.finish();
      }
      information.finish();
      if (policies.has(policy)) throw sequence.error('invalid-extension', `Policy ${policy} appears twice`);
      policies.set(policy, { policy, cpsUris, qualifiers });
    }
    if (policies.size === 0) throw reader.error('invalid-extension', 'At least one policy must be there');
    return [...policies.values()];
  });
}
