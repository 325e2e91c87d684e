import { TAG } from './der-tag.ts';
import { buildExtension, type Extension, parseExtensionValue } from './extension.ts';
import { OID } from './oid.ts';
import { X509Error } from './x509-error.ts';

const ID = { oid: OID.policyMappings, name: 'policyMappings' };

/** One mapping: the issuing CA holds its policy equal to the subject CA's (RFC 5280 section 4.2.1.5). */
export interface PolicyMapping {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
}

/**
 * The policyMappings extension of a CA certificate; it should be critical.
 * @throws X509Error `invalid-argument` for an empty list or a mapping from or to anyPolicy.
 */
export function policyMappingsExtension(input: {
  readonly mappings: readonly PolicyMapping[];
  readonly critical: boolean;
}): Extension {
  if (input.mappings.length === 0) throw new X509Error('invalid-argument', 'Give at least one policy mapping');
  if (input.mappings.some(mapsAnyPolicy)) {
    throw new X509Error('invalid-argument', 'anyPolicy must not be mapped (RFC 5280 section 4.2.1.5)');
  }
  return buildExtension({ oid: ID.oid, critical: input.critical }, (writer) => {
    const end = writer.mark();
    for (const mapping of input.mappings.toReversed()) {
      const mappingEnd = writer.mark();
      writer.oid(mapping.subjectDomainPolicy);
      writer.oid(mapping.issuerDomainPolicy);
      writer.close(TAG.SEQUENCE, mappingEnd);
    }
    writer.close(TAG.SEQUENCE, end);
  });
}

/** Mappings in order of encoding, at least one. Mappings of anyPolicy are read; validation refuses them. */
export function parsePolicyMappings(extension: Extension): readonly PolicyMapping[] {
  return parseExtensionValue(extension, ID, (reader) => {
    const sequence = reader.enter(TAG.SEQUENCE);
    const mappings: PolicyMapping[] = [];
    while (!sequence.atEnd) {
      const mapping = sequence.enter(TAG.SEQUENCE);
      mappings.push({ issuerDomainPolicy: mapping.readOid(), subjectDomainPolicy: mapping.readOid() });
      mapping.finish();
    }
    if (mappings.length === 0) throw reader.error('invalid-extension', 'At least one policy mapping must be there');
    return mappings;
  });
}

/** True where anyPolicy is on either side of a mapping, which RFC 5280 section 6.1.4 a refuses. */
export function mapsAnyPolicy(mapping: PolicyMapping): boolean {
  return mapping.issuerDomainPolicy === OID.anyPolicy || mapping.subjectDomainPolicy === OID.anyPolicy;
}
